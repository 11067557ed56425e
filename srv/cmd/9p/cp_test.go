package ninep

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/srv/ramfs"
)

func TestCp(t *testing.T) {
	post(t, "ram", ramfs.New())
	dir := t.TempDir()
	big := strings.Repeat("0123456789abcdef", 20_000)
	for name, text := range map[string]string{"a": "a text", "big": big} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"mkdir", "ram/d"},
		{"cp", dir + "/a", dir + "/big", "ram/d"},
		{"cp", "ram/d/big", "ram/big2"},
		{"cp", "ram/big2", "ram/d/a", dir + "/../" + filepath.Base(dir)},
		{"cp", "ram/d/a", dir + "/b"},
		{"cp", dir + "/a", dir + "/big2"}, // which is there, and longer
	} {
		for _, l := range []string{"", "-l"} {
			full := args
			if l != "" {
				if args[0] == "mkdir" {
					continue
				}
				full = append([]string{l}, args...)
			}
			if out, err := run(t, "", full...); err != nil || out != "" {
				t.Errorf("%q: %q, %v", full, out, err)
			}
		}
	}
	for name, want := range map[string]string{"b": "a text", "big2": "a text", "a": "a text"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != want {
			t.Errorf("%s: %.20q, %v", name, b, err)
		}
	}
	if out, err := run(t, "", "read", "ram/big2"); out != big || err != nil {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	for _, args := range [][]string{{"cp", "ram/nosuch", dir}, {"cp", dir + "/nosuch", "ram/x"}, {"cp", "ram/d", "ram/e"}, {"cp", dir, "ram/e"},
		{"cp", "ram/big2", "ram/d/a", "ram/nodir"}, {"cp", "ram/big2", "ram/nosuch/x"}, {"cp", "x"}} {
		if _, err := run(t, "", args...); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestBar(t *testing.T) {
	for _, x := range []struct {
		size, done int64
		took       time.Duration
		want       string
	}{
		{100 << 20, 25 << 20, 5 * time.Second, "f\\x1b [=====               ]  25% of 100.0 MiB 5.0 MiB/s 15s left"},
		{100, 100, time.Second, "f\\x1b [====================] 100% of 100 B 100 B/s 0s left"},
		{0, 3 << 10, 2 * time.Second, "f\\x1b 3.0 KiB 1.5 KiB/s 2s"},
		{10, 20, 2 * time.Second, "f\\x1b 20 B 10 B/s 2s"},
		{3 << 30, 0, time.Second, "f\\x1b [                    ]   0% of 3.0 GiB 0 B/s "},
	} {
		b := bar{name: "f\x1b", size: x.size, done: x.done}
		if got := b.text(x.took); !strings.HasPrefix(got, x.want) {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
}
