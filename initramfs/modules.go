package initramfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Modules are a kernel's, found below a directory: /lib/modules/VERSION of a machine, or one
// that simply has the files. A module is NAME.ko, which may be compressed (.gz, .xz, .zst).
type Modules struct {
	dir     string
	files   map[string]string // a file by its module's name
	builtin map[string]bool   // what the kernel has without a file, where modules.builtin says so
	read    map[string]*Module
}

// A Module is one of them.
type Module struct {
	Name    string // with _ for each -, as the kernel says it
	Data    []byte // the object file, unpacked
	Needs   []string
	Aliases []string // patterns of what it is for: "pci:v00008086d0000100E*"
}

// moduleName is a module's name as the kernel has it, of a name that a person may give or of
// a file's.
func moduleName(s string) string {
	s, _, _ = strings.Cut(filepath.Base(s), ".ko")
	return strings.ReplaceAll(s, "-", "_")
}

// OpenModules finds the modules below dir.
func OpenModules(dir string) (*Modules, error) {
	m := &Modules{dir: dir, files: map[string]string{}, builtin: map[string]bool{}, read: map[string]*Module{}}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.Type().IsRegular() && (strings.HasSuffix(base, ".ko") || strings.Contains(base, ".ko.")) {
			m.files[moduleName(base)] = file
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(m.files) == 0 {
		return nil, fmt.Errorf("%s: no kernel modules (NAME.ko) below it", dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		m.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return m, nil
}

// Have gives those of the names that there are, as files.
func (m *Modules) Have(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return m.files[moduleName(name)] == "" })
}

// With gives the named modules and all that they need, in an order in which they can be
// loaded. What is built into the kernel, where that is known, is left out.
func (m *Modules) With(names ...string) ([]*Module, error) {
	var list []*Module
	state := map[string]int{} // 1: what it needs is being added, 2: added
	var add func(name string) error
	add = func(name string) error {
		name = moduleName(name)
		if m.builtin[name] || state[name] == 2 {
			return nil
		}
		if state[name] == 1 {
			return fmt.Errorf("module %s needs itself", name)
		}
		state[name] = 1
		mod, err := m.module(name)
		if err != nil {
			return err
		}
		for _, need := range mod.Needs {
			if err := add(need); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		state[name] = 2
		list = append(list, mod)
		return nil
	}
	for _, name := range names {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// module reads a module and, in its section .modinfo ("key=value" strings), what it needs.
func (m *Modules) module(name string) (*Module, error) {
	if mod := m.read[name]; mod != nil {
		return mod, nil
	}
	file, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("module %s: not below %s", name, m.dir)
	}
	b, err := os.ReadFile(file)
	if err == nil {
		b, err = unpack(file, b)
	}
	if err != nil {
		return nil, err
	}
	mod := &Module{Name: name, Data: b}
	var info []byte
	o, err := openObject(bytes.NewReader(b))
	if err == nil {
		info, err = o.section(".modinfo")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for line := range strings.SplitSeq(string(info), "\x00") {
		switch key, value, _ := strings.Cut(line, "="); {
		case key == "depends" && value != "":
			for need := range strings.SplitSeq(value, ",") {
				mod.Needs = append(mod.Needs, moduleName(need))
			}
		case key == "alias":
			mod.Aliases = append(mod.Aliases, value)
		}
	}
	m.read[name] = mod
	return mod, nil
}

// unpack gives what a file was before it was compressed.
func unpack(file string, b []byte) ([]byte, error) {
	switch ext := filepath.Ext(file); ext {
	case ".gz", ".xz", ".zst":
		cmd := exec.Command(map[string]string{".gz": "gzip", ".xz": "xz", ".zst": "zstd"}[ext], "-dc")
		cmd.Stdin = bytes.NewReader(b)
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, cmd.Args[0], err)
		}
		return out, nil
	}
	return b, nil
}

// String is the module's line in the image's index: its name, "needs" and the modules it
// needs, "for" and its aliases.
func (m *Module) String() string {
	return strings.Join(slices.Concat([]string{m.Name, "needs"}, m.Needs, []string{"for"}, m.Aliases), " ")
}

// parseModule reads a line of an image's index.
func parseModule(line string) *Module {
	words := strings.Fields(line)
	i, j := slices.Index(words, "needs"), slices.Index(words, "for")
	if i != 1 || j < i {
		return nil
	}
	return &Module{Name: words[0], Needs: words[i+1 : j], Aliases: words[j+1:]}
}
