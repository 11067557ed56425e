package netboot

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ninespace/factotum/sshkey"
	"ninespace/srv/ndb"
)

// added is what netboot and the nodes' init may add to a signed command line.
var added = [...]string{"initrd", "ip", "nine.join", "nine.token"}

// SignAll writes the manifest that each entry of the database names by manifest=, of its
// kernel=, image= and cmdline=, and its signature beside it with .sig behind the name.
// It gives the names. All files are in dir.
func SignAll(database, dir string, key *sshkey.Private) (names []string, err error) {
	all, err := ndb.Read(database)
	if err != nil {
		return nil, err
	}
	d, err := newDB(all)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	from := map[string]string{} // manifests, without the serial
	for _, e := range all {
		name := e.Get("manifest")
		if len(name) == 0 {
			continue
		}
		// As find has it: an entry's own go before its class's.
		p := plan{manifest: name[0]}
		var class ndb.Entry
		if e[0].Attr != "class" {
			for _, c := range d.classes {
				if e.Has("class", c[0].Val) && class == nil {
					class = c
				}
			}
		}
		one := e
		if len(e.Get("kernel")) == 0 {
			one = class
		}
		if k := one.Get("kernel"); len(k) > 0 {
			p.kernel = k[0]
		}
		if p.images = e.Get("image"); len(p.images) == 0 {
			p.images = class.Get("image")
		}
		p.cmdline = strings.Join(append(class.Get("cmdline"), e.Get("cmdline")...), " ")
		m, err := manifestOf(root, p)
		if err != nil {
			return names, fmt.Errorf("manifest=%s: %w", name[0], err)
		}
		switch text, seen := from[name[0]]; {
		case !seen:
			from[name[0]] = m.String()
		case text != m.String():
			return names, fmt.Errorf("manifest=%s: two entries name it and boot different things", name[0])
		default:
			continue
		}
		old, err := root.ReadFile(name[0])
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return names, err
		}
		m.Serial = uint64(time.Now().Unix())
		if before, err := parseManifest(string(old)); err == nil {
			m.Serial = max(m.Serial, before.Serial+1)
		}
		text := []byte(m.String())
		sig, err := key.SignFile(ManifestSpace, text)
		if err != nil {
			return names, err
		}
		if err := errors.Join(replace(root, name[0], text), replace(root, name[0]+".sig", sig)); err != nil {
			return names, err
		}
		names = append(names, name[0])
	}
	if names == nil {
		return nil, errors.New("no entry has manifest=")
	}
	return names, nil
}

// replace writes a file whole or not at all.
func replace(root *os.Root, name string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(name), ".new."+filepath.Base(name))
	if err := root.WriteFile(tmp, data, 0o644); err != nil {
		return err
	}
	return root.Rename(tmp, name)
}

func manifestOf(root *os.Root, p plan) (*Manifest, error) {
	m := &Manifest{Cmdline: strings.TrimSpace(p.cmdline), May: added[:]}
	if strings.ContainsAny(m.Cmdline, "\n\"") || len(m.Cmdline) > maxCmdline {
		return nil, errors.New("cmdline= with a quote or newline, or too long")
	}
	var err error
	if p.kernel == "" {
		return nil, errors.New("no kernel=")
	}
	if m.Kernel, err = partOf(root, p.kernel); err != nil {
		return nil, err
	}
	for _, name := range p.images {
		part, err := partOf(root, name)
		if err != nil {
			return nil, err
		}
		m.Images = append(m.Images, part)
	}
	return m, nil
}

func partOf(root *os.Root, name string) (Part, error) {
	f, err := root.Open(name)
	if err != nil {
		return Part{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	p := Part{Name: name, Size: n}
	h.Sum(p.Sum[:0])
	return p, err
}

// A digest is what a file was when it was read whole.
type digest struct {
	size int64
	time time.Time
	sum  [sha256.Size]byte
}

// checkPlan refuses to boot what is not as its manifest says: the nodes would refuse it.
func (s *Server) checkPlan(p plan) error {
	if p.manifest == "" {
		return nil
	}
	text, err := s.read(p.manifest)
	if err != nil {
		return err
	}
	var m *Manifest
	if s.cfg.Signers != nil {
		sig, err := s.read(p.manifest + ".sig")
		if err != nil {
			return err
		}
		m, err = Verify(text, sig, s.cfg.Signers, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", p.manifest, err)
		}
	} else if m, err = parseManifest(string(text)); err != nil {
		return fmt.Errorf("%s: %w", p.manifest, err)
	}
	var names []string
	for _, part := range append(slices.Clip(m.Images), m.Kernel) {
		names = append(names, part.Name)
		if sum, err := s.digest(part.Name); err != nil {
			return err
		} else if sum != part.Sum {
			return fmt.Errorf("%s: %w %s", part.Name, ErrPart, p.manifest)
		}
	}
	if !slices.Equal(names, append(slices.Clip(p.images), p.kernel)) {
		return fmt.Errorf("%s: is about other files", p.manifest)
	}
	return m.Check(p.cmdline)
}

// digest is that of a file, remembered while the file's time stands.
func (s *Server) digest(name string) (sum [sha256.Size]byte, err error) {
	f, err := s.open(name)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return sum, err
	}
	s.mu.Lock()
	d, ok := s.digests[name]
	s.mu.Unlock()
	if ok && d.size == fi.Size() && d.time.Equal(fi.ModTime()) {
		return d.sum, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	s.mu.Lock()
	s.digests[name] = digest{fi.Size(), fi.ModTime(), sum} // of ndb's names alone
	s.mu.Unlock()
	return sum, nil
}
