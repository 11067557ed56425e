package factotum

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/scrypt"

	"ninespace/srv"
)

// A secstore is a file of keys, sealed by a passphrase: a head, which says how the
// sealing key is made of it (scrypt, with N = 2^logN, r = 8, p = 1), a nonce, and the
// lines of ctl that add the keys, by XChaCha20-Poly1305 with the head as further data.
//
//	"ninespace secstore 1\n" logN[1] salt[16] nonce[24] sealed
type secstore struct {
	mu   sync.Mutex // one save at a time
	file string
	head []byte
	key  *secret
}

const (
	storeMagic = "ninespace secstore 1\n"
	saltLen    = 16
	maxStore   = 16 << 20
	minLogN    = 10
	maxLogN    = 20 // 1 GiB
)

// storeLogN is what new files have: 128 MiB and some tenths of a second a try.
var storeLogN byte = 17

// ErrSealed says that a secstore was not opened, and not which of the two it is.
var ErrSealed = errors.New("wrong passphrase, or the file was changed")

// OpenStore adds the keys of a secstore. A file that is not there is made by SaveStore, and
// by ctl's message save. passphrase is wiped.
func (f *Factotum) OpenStore(file string, passphrase []byte) error {
	defer clear(passphrase)
	if len(passphrase) == 0 {
		return errors.New("empty passphrase")
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		head := append([]byte(storeMagic), storeLogN)
		salt := make([]byte, saltLen)
		rand.Read(salt)
		return f.setStore(file, append(head, salt...), passphrase)
	}
	if err != nil {
		return err
	}
	n := len(storeMagic) + 1 + saltLen
	if len(text) < n+chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead || len(text) > maxStore || !bytes.HasPrefix(text, []byte(storeMagic)) {
		return fmt.Errorf("%s: not a secstore", file)
	}
	if logN := text[len(storeMagic)]; logN < minLogN || logN > maxLogN {
		return fmt.Errorf("%s: not a secstore", file)
	}
	if err := f.setStore(file, text[:n:n], passphrase); err != nil {
		return err
	}
	a, err := chacha20poly1305.NewX(f.store.key.b)
	if err != nil {
		return err
	}
	nonce := text[n : n+chacha20poly1305.NonceSizeX]
	plain, err := a.Open(nil, nonce, text[n+len(nonce):], text[:n])
	if err != nil {
		f.closeStore()
		f.logf("secstore %s: %v", srv.Quote(file), ErrSealed)
		return fmt.Errorf("%s: %w", file, ErrSealed)
	}
	defer clear(plain)
	for line := range strings.Lines(string(plain)) {
		if err := f.Ctl(line); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (f *Factotum) setStore(file string, head, passphrase []byte) error {
	k, err := scrypt.Key(passphrase, head[len(storeMagic)+1:], 1<<head[len(storeMagic)], 8, 1, chacha20poly1305.KeySize)
	if err != nil {
		return err
	}
	s, err := f.secret(k)
	if err != nil {
		return err
	}
	f.closeStore()
	f.store = &secstore{file: file, head: head, key: s}
	return nil
}

func (f *Factotum) closeStore() {
	if f.store != nil {
		f.store.key.free()
		f.store = nil
	}
}

// SaveStore writes the keys of the moment, but for those with a lifetime, to the secstore
// that was opened. The file is the old one or the new one, whatever happens.
func (f *Factotum) SaveStore() error {
	s := f.store
	if s == nil {
		return invalid("no secstore was opened")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var plain []byte
	defer func() { clear(plain[:cap(plain)]) }()
	n := 0
	for _, k := range f.ring.list() {
		if !k.until.IsZero() || !k.hold() {
			continue
		}
		plain = fmt.Appendf(plain, "key %s", k.attrs)
		for _, p := range k.priv {
			plain = fmt.Appendf(plain, " %s=%s", p.name, srv.Quote(string(p.value.b)))
		}
		k.release()
		plain = append(plain, '\n')
		n++
	}
	a, err := chacha20poly1305.NewX(s.key.b)
	if err != nil {
		return err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	rand.Read(nonce)
	out := a.Seal(append(bytes.Clone(s.head), nonce...), nonce, plain, s.head)
	if len(out) > maxStore {
		return errors.New("secstore would be too large")
	}
	if err := replace(s.file, out); err != nil {
		return fmt.Errorf("secstore: %w", err)
	}
	f.logf("secstore %s: %d keys saved", srv.Quote(s.file), n)
	return nil
}

// replace puts a file in place of another at once, and on the disk.
func replace(file string, text []byte) error {
	dir := filepath.Dir(file)
	t, err := os.CreateTemp(dir, ".secstore") // its owner's alone
	if err != nil {
		return err
	}
	defer os.Remove(t.Name())
	_, err = t.Write(text)
	if err == nil {
		err = t.Sync()
	}
	if cerr := t.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(t.Name(), file)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
