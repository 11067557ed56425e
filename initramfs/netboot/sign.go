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
var added = [...]string{"initrd", "ip", "nine.join", "nine.serial", "nine.token"}

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
	var made []*Manifest
	for _, e := range slices.Concat(d.classes, all) { // a class's line is what is signed, its machines add to it
		class := d.classOf(e)
		if len(e) > 0 && e[0].Attr == "class" {
			class = nil
		}
		p := planOf(e, class)
		if p.manifest == "" {
			continue
		}
		if i := slices.Index(names, p.manifest); i >= 0 {
			if err := made[i].boots(p); err != nil {
				return names, fmt.Errorf("%s=%s: not what manifest=%s is for: %w", e[0].Attr, e[0].Val, p.manifest, err)
			}
			continue
		}
		m, err := manifestOf(root, p)
		if err != nil {
			return names, fmt.Errorf("manifest=%s: %w", p.manifest, err)
		}
		names, made = append(names, p.manifest), append(made, m)
	}
	for i, m := range made {
		if err := m.sign(root, names[i], key); err != nil {
			return nil, err
		}
	}
	if names == nil {
		return nil, errors.New("no entry has manifest=")
	}
	return names, nil
}

// sign writes a manifest and its signature. The serial number is larger than that of the
// one that was there.
func (m *Manifest) sign(root *os.Root, name string, key *sshkey.Private) error {
	old, err := root.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.Serial = uint64(time.Now().Unix())
	if before, err := parseManifest(string(old)); err == nil {
		m.Serial = max(m.Serial, before.Serial+1)
	}
	text := []byte(m.String())
	sig, err := key.SignFile(ManifestSpace, text)
	if err != nil {
		return err
	}
	return errors.Join(replace(root, name, text), replace(root, name+".sig", sig))
}

// boots reports ErrPart if a plan is for other files or another command line.
func (m *Manifest) boots(p plan) error {
	names := []string{m.Kernel.Name}
	for _, part := range m.Images {
		names = append(names, part.Name)
	}
	if !slices.Equal(names, append([]string{p.kernel}, p.images...)) {
		return fmt.Errorf("files: %w", ErrPart)
	}
	return m.Check(p.cmdline)
}

// replace writes a file whole or not at all.
func replace(root *os.Root, name string, data []byte) error {
	tmp := filepath.Join(filepath.Dir(name), ".new."+filepath.Base(name))
	f, err := root.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
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

// checkPlan refuses to boot what is not as its manifest says: the nodes would refuse it. It
// gives the manifest, if there is one.
func (s *Server) checkPlan(p plan) (*Manifest, error) {
	if p.manifest == "" {
		return nil, nil
	}
	text, err := s.read(p.manifest)
	if err != nil {
		return nil, err
	}
	var m *Manifest
	if s.cfg.Signers != nil {
		sig, err := s.read(p.manifest + ".sig")
		if err != nil {
			return nil, err
		}
		m, err = Verify(text, sig, s.cfg.Signers, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.manifest, err)
		}
	} else if m, err = parseManifest(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", p.manifest, err)
	}
	for _, part := range append(slices.Clip(m.Images), m.Kernel) {
		if sum, err := s.digest(part.Name); err != nil {
			return nil, err
		} else if sum != part.Sum {
			return nil, fmt.Errorf("%s: %w %s", part.Name, ErrPart, p.manifest)
		}
	}
	if err := m.boots(p); err != nil {
		return nil, fmt.Errorf("%s: %w", p.manifest, err)
	}
	return m, nil
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
