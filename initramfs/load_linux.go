package initramfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A Loader loads an image's modules into the kernel that runs, several at a time where they
// do not need one another: some wait for their hardware.
type Loader struct {
	dir   string
	mods  map[string]*Module
	kinds map[string][]pattern // by what is before an alias's colon, if it has one

	mu   sync.Mutex
	done map[string]*loading // by module, once asked for
}

// A pattern is a module's alias.
type pattern struct{ alias, name string }

// loading is a module's being loaded, once.
type loading struct {
	once sync.Once
	err  error
}

// NewLoader reads the index in dir, which is /lib/modules in an image. An image without
// modules has a Loader that knows none.
func NewLoader(dir string) (*Loader, error) {
	l := &Loader{dir: dir, mods: map[string]*Module{}, kinds: map[string][]pattern{}, done: map[string]*loading{}}
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
		for _, a := range m.Aliases {
			l.kinds[kind(a)] = append(l.kinds[kind(a)], pattern{a, m.Name})
		}
	}
	return l, nil
}

// kind is what an alias is the name of: "pci", "virtio"; "" for a part of the kernel.
func kind(alias string) string {
	before, _, ok := strings.Cut(alias, ":")
	if !ok {
		return ""
	}
	return before
}

// Load loads the named modules, each after those that it needs. One that is there already
// is fine.
func (l *Loader) Load(names ...string) error {
	failed := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { failed[i] = l.load(moduleName(name)) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

func (l *Loader) load(name string) error {
	m := l.mods[name]
	if m == nil {
		return fmt.Errorf("module %s: %w", name, fs.ErrNotExist)
	}
	l.mu.Lock()
	this := l.done[name]
	if this == nil {
		this = new(loading)
		l.done[name] = this
	}
	l.mu.Unlock()
	this.once.Do(func() {
		if err := l.Load(m.Needs...); err != nil {
			this.err = fmt.Errorf("%s: %w", name, err)
			return
		}
		f, err := os.Open(filepath.Join(l.dir, name+".ko"))
		if err == nil {
			err = unix.FinitModule(int(f.Fd()), "", 0)
			f.Close()
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			this.err = fmt.Errorf("module %s: %w", name, err)
		}
	})
	return this.err
}

// LoadFor loads each module that is for what one of the aliases names, a piece of hardware
// ("pci:v...") or a part of the kernel ("fs-9p"), and reports how many that were for the
// first time. Of a module's own name, as the kernel asks for it too, it loads that one.
func (l *Loader) LoadFor(aliases ...string) (n int, err error) {
	wanted := map[string]bool{}
	for _, alias := range aliases {
		if name := moduleName(alias); l.mods[name] != nil {
			wanted[name] = true
		}
		for _, p := range l.kinds[kind(alias)] {
			if is, _ := path.Match(p.alias, alias); is { // none of them has a slash
				wanted[p.name] = true
			}
		}
	}
	var names []string
	l.mu.Lock()
	for name := range wanted {
		if l.done[name] == nil {
			names = append(names, name)
		}
	}
	l.mu.Unlock()
	return len(names), l.Load(names...)
}

// LoadHardware loads what this machine's hardware wants, by each device's modalias, and again
// as long as what was loaded has found further devices.
func (l *Loader) LoadHardware() error {
	if len(l.mods) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for {
		var aliases []string
		for _, alias := range modaliases("/sys") {
			if !seen[alias] {
				seen[alias] = true
				aliases = append(aliases, alias)
			}
		}
		if n, err := l.LoadFor(aliases...); err != nil || n == 0 {
			return err
		}
	}
}

// modaliases gives those of the devices that there are, as sysfs has them by bus and by class: each
// device is in one of these, and all that there is below /sys/devices is ten times as much.
func modaliases(sys string) (list []string) {
	read := func(name string) {
		if b, err := os.ReadFile(name); err == nil { // most have none, and devices go at any time
			list = append(list, strings.TrimSpace(string(b)))
		}
	}
	for _, all := range [...]struct{ dir, devices string }{{sys + "/bus", "devices"}, {sys + "/class", ""}} {
		kinds, _ := os.ReadDir(all.dir)
		for _, kind := range kinds {
			dir := filepath.Join(all.dir, kind.Name(), all.devices)
			devices, _ := os.ReadDir(dir)
			for _, d := range devices {
				read(filepath.Join(dir, d.Name(), "modalias"))
			}
		}
	}
	read(sys + "/devices/system/cpu/modalias") // of all of them
	return list
}
