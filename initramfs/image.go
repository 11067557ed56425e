package initramfs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"ninespace/factotum/sshkey"
)

// A Config says what is in an image.
type Config struct {
	Nine     string   // file of the program
	Arch     string   // Go's name of the machine's kind: amd64 or arm64
	Commands string   // file that MakeCommands has made, of commands besides nine's; "" none
	Modules  string   // directory of the kernel's modules; "" none
	Need     []string // names of the modules that come along, with all that they need
	Load     []string // those that are loaded at boot in any case; they come along too
	NS       string   // namespace(6) lines; "" newns's own
	Keys     string   // public keys, a line each as in a file NAME.pub, of who may come in as root
	Signers  string   // public keys of who may sign what the node starts later by kexec; "" anything is
	Files    []Extra  // further files, and ones that stand in the place of the image's own
}

// An Extra is a file of this machine, or a directory with all below it, and its name in the
// image, which begins with a slash. Modes and symbolic links stay as they are.
type Extra struct{ From, To string }

// ParseExtra reads "from:to", or "from" for the same name in the image.
func ParseExtra(s string) (Extra, error) {
	from, to, ok := strings.Cut(s, ":")
	if !ok {
		to = from
	}
	if from == "" || !path.IsAbs(to) || path.Clean(to) == "/" {
		return Extra{}, fmt.Errorf("%q is not from:/to", s)
	}
	return Extra{from, path.Clean(to)}, nil
}

// entry is a file to be: its data, or where its data is.
type entry struct {
	mode       fs.FileMode // type and permissions
	data, from string
	extra      bool
}

// fixed gives the files that each image has.
func fixed() map[string]entry {
	return map[string]entry{
		"init":              {mode: fs.ModeSymlink, data: "bin/nine"},
		"etc/passwd":        {mode: 0o644, data: "root:x:0:0:root:/root:/bin/rc\nnobody:x:65534:65534:nobody:/:/bin/rc\n"},
		"etc/group":         {mode: 0o644, data: "root:x:0:\nnogroup:x:65534:\n"},
		"etc/hosts":         {mode: 0o644, data: "127.0.0.1 localhost\n::1 localhost\n"},
		"etc/nsswitch.conf": {mode: 0o644, data: "hosts: files dns\n"},
		"bin/rc":            {mode: fs.ModeSymlink, data: "nine"},
		"dev":               {mode: fs.ModeDir | 0o755},
		"mnt":               {mode: fs.ModeDir | 0o755},
		"n":                 {mode: fs.ModeDir | 0o755},
		"proc":              {mode: fs.ModeDir | 0o555},
		"root":              {mode: fs.ModeDir | 0o700},
		"run":               {mode: fs.ModeDir | 0o755},
		"srv":               {mode: fs.ModeDir | 0o755},
		"sys":               {mode: fs.ModeDir | 0o555},
		"tmp":               {mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
}

// Write writes the image, a cpio archive, to w.
func Write(w io.Writer, c Config) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	a := NewArchive(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		e := files[name]
		switch {
		case e.mode.IsDir():
			a.Dir(name, unixPerm(e.mode))
		case e.mode&fs.ModeSymlink != 0:
			a.Link(name, e.data)
		case e.from != "":
			a.Copy(name, unixPerm(e.mode), e.from)
		default:
			a.File(name, unixPerm(e.mode), e.data)
		}
	}
	return a.Close()
}

// List writes the names of what is in an image to w, a line each: mode, name, and where it
// comes from or leads to.
func List(w io.Writer, c Config) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		e := files[name]
		fmt.Fprintf(&b, "%v %s", e.mode, name)
		switch {
		case e.mode&fs.ModeSymlink != 0:
			fmt.Fprintf(&b, " -> %s", e.data)
		case e.from != "" && !e.mode.IsDir():
			fmt.Fprintf(&b, " < %s", e.from)
		}
		b.WriteByte('\n')
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// files gives what is in the image, by name.
func (c Config) files() (map[string]entry, error) {
	if err := checkProgram(c.Nine, c.Arch); err != nil {
		return nil, err
	}
	files := fixed()
	files["bin/nine"] = entry{mode: 0o755, from: c.Nine}
	if c.NS != "" {
		files["lib/namespace"] = entry{mode: 0o644, data: c.NS}
	}
	if c.Keys != "" {
		owners, err := owners(c.Keys)
		if err != nil {
			return nil, err
		}
		files["etc/ninespace/users"] = entry{mode: 0o644, data: owners}
	}
	if c.Signers != "" {
		if _, err := owners(c.Signers); err != nil {
			return nil, err
		}
		files["etc/ninespace/signers"] = entry{mode: 0o644, data: c.Signers}
	}
	if err := errors.Join(c.commands(files), c.modules(files)); err != nil {
		return nil, err
	}
	for _, x := range c.Files {
		if err := x.add(files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// owners gives the lines of /etc/ninespace/users by which whoever has one of the keys is the
// node's owner, root.
func owners(keys string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(keys) {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if f[0] == "-----BEGIN" {
			return "", errors.New("a private key, where that of its file NAME.pub is meant")
		}
		var pub *sshkey.Public
		blob, err := []byte(nil), errors.New("not a type and a key")
		if len(f) > 1 {
			if blob, err = base64.StdEncoding.DecodeString(f[1]); err == nil {
				pub, err = sshkey.ParsePublic(blob)
			}
		}
		if err == nil && pub.Type != f[0] {
			err = fmt.Errorf("a key of type %s", pub.Type)
		}
		if err != nil {
			return "", fmt.Errorf("key %q: %w", strings.TrimSpace(line), err)
		}
		fmt.Fprintf(&b, "%s root # %s\n", pub.Fingerprint(), strings.Join(f[2:], " "))
	}
	return b.String(), nil
}

// unixPerm is a mode's low twelve bits as Unix has them.
func unixPerm(m fs.FileMode) fs.FileMode {
	p := m.Perm()
	for bit, is := range map[fs.FileMode]fs.FileMode{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			p |= is
		}
	}
	return p
}

// machine gives one of the kinds that there are images for, as an ELF file says them; 0 is
// no kind.
func machine(arch string) uint16 {
	switch arch {
	case "amd64":
		return machineX86_64
	case "arm64":
		return machineAARCH64
	}
	return 0
}

// checkProgram refuses a program that could not run in the image.
func checkProgram(file, arch string) error {
	want := machine(arch)
	if want == 0 {
		return fmt.Errorf("architecture %s: have amd64 and arm64", arch)
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	o, err := openObject(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	build := fmt.Sprintf("build it with CGO_ENABLED=0 GOARCH=%s go build", arch)
	if o.machine() != want {
		return fmt.Errorf("%s is no program for %s: %s", file, arch, build)
	}
	if o.interpreted() {
		return fmt.Errorf("%s needs shared libraries: %s", file, build)
	}
	return nil
}

func (c Config) modules(files map[string]entry) error {
	if c.Modules == "" {
		if len(c.Need)+len(c.Load) > 0 {
			return errors.New("modules are named, but no directory of modules")
		}
		return nil
	}
	all, err := OpenModules(c.Modules)
	if err != nil {
		return err
	}
	list, err := all.With(slices.Concat(c.Load, c.Need)...)
	if err != nil {
		return err
	}
	var index, load strings.Builder
	for _, m := range list {
		fmt.Fprintln(&index, m)
		files["lib/modules/"+m.Name+".ko"] = entry{mode: 0o644, data: string(m.Data)}
	}
	for _, name := range c.Load {
		if !all.builtin[moduleName(name)] {
			fmt.Fprintln(&load, moduleName(name))
		}
	}
	files["lib/modules/index"] = entry{mode: 0o644, data: index.String()}
	files["lib/modules/load"] = entry{mode: 0o644, data: load.String()}
	return nil
}

// add adds what there is at From.
func (x Extra) add(files map[string]entry) error {
	return filepath.WalkDir(x.From, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(x.From, file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Join(x.To, filepath.ToSlash(rel)), "/")
		if files[name].extra && !d.IsDir() {
			return fmt.Errorf("%s: twice in the image", name)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{mode: info.Mode(), from: file, extra: true}
		switch {
		case d.IsDir(), d.Type().IsRegular():
		case d.Type() == fs.ModeSymlink:
			if e.data, err = os.Readlink(file); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s: neither a file, a directory nor a symbolic link", file)
		}
		files[name] = e
		return nil
	})
}
