package initramfs

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModaliases: what sysfs has by bus and by class is what all of its devices have.
func TestModaliases(t *testing.T) {
	all := map[string]bool{}
	err := filepath.WalkDir("/sys/devices", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "modalias" {
			if b, err := os.ReadFile(file); err == nil {
				all[strings.TrimSpace(string(b))] = true
			}
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Skip("no devices with a modalias here: ", err)
	}
	got := map[string]bool{}
	for _, alias := range modaliases("/sys") {
		got[alias] = true
	}
	if !maps.Equal(got, all) {
		t.Errorf("%q, not %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(all)))
	}
}
