package initramfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A Loader loads an image's modules into the kernel that runs. It is not for several
// goroutines at a time.
type Loader struct {
	dir  string
	mods map[string]*Module
	done map[string]error // by module, once tried
}

// NewLoader reads the index in dir, which is /lib/modules in an image. An image without
// modules has a Loader that knows none.
func NewLoader(dir string) (*Loader, error) {
	l := &Loader{dir: dir, mods: map[string]*Module{}, done: map[string]error{}}
	b, err := os.ReadFile(filepath.Join(dir, "index"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		m := parseModule(line)
		if m == nil {
			return nil, fmt.Errorf("%s/index: %q is no module's line", dir, line)
		}
		l.mods[m.Name] = m
	}
	return l, nil
}

// Load loads the named module after those that it needs. One that is there already is fine.
func (l *Loader) Load(name string) error {
	name = moduleName(name)
	m := l.mods[name]
	if m == nil {
		return fmt.Errorf("module %s: %w", name, fs.ErrNotExist)
	}
	if err, tried := l.done[name]; tried {
		return err
	}
	l.done[name] = nil
	for _, need := range m.Needs {
		if err := l.Load(need); err != nil {
			l.done[name] = fmt.Errorf("%s: %w", name, err)
			return l.done[name]
		}
	}
	f, err := os.Open(filepath.Join(l.dir, name+".ko"))
	if err == nil {
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		l.done[name] = fmt.Errorf("module %s: %w", name, err)
	}
	return l.done[name]
}

// LoadFor loads each module that is for what alias names, a piece of hardware ("pci:v...")
// or a part of the kernel ("fs-9p"), and reports how many that were for the first time. Of
// a module's own name, as the kernel asks for it too, it loads that one.
func (l *Loader) LoadFor(alias string) (n int, err error) {
	for name, m := range l.mods {
		is := name == moduleName(alias)
		for _, pattern := range m.Aliases {
			if is {
				break
			}
			is, _ = path.Match(pattern, alias) // none of them has a slash
		}
		if _, tried := l.done[name]; is && !tried {
			n++
			err = errors.Join(err, l.Load(name))
		}
	}
	return n, err
}

// LoadHardware loads what this machine's hardware wants: each device's modalias file in
// sysfs, and again as long as what was loaded has found further devices.
func (l *Loader) LoadHardware() error {
	if len(l.mods) == 0 {
		return nil
	}
	for {
		found := 0
		var failed error
		err := filepath.WalkDir("/sys/devices", func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.Name() != "modalias" {
				return nil // devices go at any time
			}
			if b, err := os.ReadFile(file); err == nil {
				n, err := l.LoadFor(strings.TrimSpace(string(b)))
				found += n
				failed = errors.Join(failed, err)
			}
			return nil
		})
		if err = errors.Join(err, failed); err != nil || found == 0 {
			return err
		}
	}
}
