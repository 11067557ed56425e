package vm

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// errNoKernel says what to do about it.
var errNoKernel = errors.New("no kernel with its modules is here: install Debian's linux-image-amd64, or name them by -k and -M")

// findKernel gives a kernel of this machine and the directory of its modules: one that
// ninespace's tests have fetched, which qemu starts quickest, or else the newest in /boot.
func findKernel() (kernel, modules string, err error) {
	if cache, err := os.UserCacheDir(); err == nil {
		dir := filepath.Join(cache, "ninespace/kernel")
		if readable(dir+"/vmlinux") && readable(dir+"/modules") {
			return dir + "/vmlinux", dir + "/modules", nil
		}
	}
	names, _ := filepath.Glob("/boot/vmlinuz-*")
	slices.SortFunc(names, func(a, b string) int { return age(b).Compare(age(a)) })
	for _, name := range names {
		dir := "/lib/modules/" + strings.TrimPrefix(name, "/boot/vmlinuz-")
		if readable(name) && readable(dir) {
			return name, dir, nil
		}
	}
	return "", "", errNoKernel
}

func readable(name string) bool {
	f, err := os.Open(name)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// age is when a file was made.
func age(name string) time.Time {
	fi, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return fi.ModTime()
}
