package guest

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Modules gives the files of the named modules and of all that they need, in the
// order in which to load them. What is built into the kernel has no file and
// must not be named.
func (k *Kernel) Modules(names ...string) ([]string, error) {
	var files []string
	var add func(name string) error
	add = func(name string) error {
		file, needs, err := k.module(name)
		if err != nil || slices.Contains(files, file) {
			return err
		}
		for _, need := range needs {
			if err := add(need); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		files = append(files, file)
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// module finds a module's file, which may have either of "-" and "_" for the
// other, and reads in its section .modinfo ("key=value" strings) what it needs.
func (k *Kernel) module(name string) (file string, needs []string, err error) {
	for _, as := range []string{name, strings.ReplaceAll(name, "_", "-"), strings.ReplaceAll(name, "-", "_")} {
		file = filepath.Join(k.modules, as+".ko")
		var f *elf.File
		if f, err = elf.Open(file); err != nil {
			continue
		}
		defer f.Close()
		var info []byte
		if s := f.Section(".modinfo"); s != nil {
			if info, err = s.Data(); err != nil {
				return "", nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		for line := range strings.SplitSeq(string(info), "\x00") {
			if list, ok := strings.CutPrefix(line, "depends="); ok && list != "" {
				needs = strings.Split(list, ",")
			}
		}
		return file, needs, nil
	}
	return "", nil, fmt.Errorf("module %s: %w", name, err)
}
