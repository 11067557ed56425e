package netboot

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/factotum/sshkey"
)

// silent is the address of one who takes connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// signed has a server whose class worker is signed.
func signed(t *testing.T, key *sshkey.Private) *Server {
	t.Helper()
	s := newServer(t, func(cfg *Config) { cfg.Signers = []*sshkey.Public{&key.Public} })
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", strings.Replace(testNdb, "class=worker kernel", "class=worker manifest=m kernel", 1)+
		"ether=525400000009 sys=node9 class=worker cmdline=\"ip=dhcp nine.token=x\"\n")
	if names, err := SignAll(s.cfg.Ndb, s.cfg.Dir, key); !errors.Is(err, ErrPart) {
		t.Fatalf("node1 adds nine.x to a signed line: %q, %v", names, err)
	}
	text, err := os.ReadFile(s.cfg.Ndb)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", strings.Replace(string(text), "nine.x=1", "", 1))
	names, err := SignAll(s.cfg.Ndb, s.cfg.Dir, key)
	if err != nil || len(names) != 1 || names[0] != "m" {
		t.Fatalf("%q, %v", names, err)
	}
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Server) pair(t *testing.T) (text, sig []byte) {
	t.Helper()
	text, err1 := s.read("m")
	sig, err2 := s.read("m.sig")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return text, sig
}

// TestManifest: what is signed is what is booted.
func TestManifest(t *testing.T) {
	key, other := newKey(t), newKey(t)
	s := signed(t, key)
	trusted := []*sshkey.Public{&key.Public}
	text, sig := s.pair(t)
	m, err := Verify(text, sig, trusted, 0)
	if err != nil {
		t.Fatal(err)
	}
	if m.Kernel.Name != "kernel" || m.Kernel.Size != 600000 || len(m.Images) != 2 || m.Images[1].Name != "more" || m.Cmdline != "console=ttyS0 quiet" {
		t.Errorf("%+v", m)
	}
	if again, err := Verify(text, sig, trusted, m.Serial); err != nil || again.Serial != m.Serial {
		t.Errorf("once more: %v", err)
	}
	is := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = Verify(text, sig, trusted, m.Serial+1)
	is("an older one", err, ErrReplay)
	_, err = Verify(text, sig, []*sshkey.Public{&other.Public}, 0)
	is("another's", err, ErrSigner)
	_, err = Verify(text, sig, nil, 0)
	is("nobody trusted", err, ErrSigner)
	_, err = Verify(bytes.Replace(text, []byte("quiet"), []byte("debug"), 1), sig, trusted, 0)
	is("another line", err, sshkey.ErrSignature)
	_, err = Verify(text[:len(text)-1], sig, trusted, 0)
	is("truncated", err, sshkey.ErrSignature)
	for i := range sig {
		if _, err := Verify(text, sig[:i], trusted, 0); err == nil {
			if rest := bytes.TrimSpace(sig[i:]); len(rest) > 0 {
				t.Errorf("good with %d bytes of the signature", i)
			}
		}
	}
	theirs, err := other.SignFile(ManifestSpace, text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Verify(text, theirs, trusted, 0)
	is("signed by another", err, ErrSigner)
	file, err := key.SignFile("file", text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(text, file, trusted, 0); err == nil {
		t.Error("a signature for something else is good")
	}
	kernel, _ := os.ReadFile(filepath.Join(s.cfg.Dir, "kernel"))
	image, _ := os.ReadFile(filepath.Join(s.cfg.Dir, "image"))
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"itself": {kernel, nil}, "truncated": {kernel[:len(kernel)-1], ErrPart}, "longer": {append(bytes.Clone(kernel), 0), ErrPart},
		"changed": {append([]byte{0}, kernel[1:]...), ErrPart}, "the image": {image, ErrPart}, "empty": {nil, ErrPart},
	} {
		_, err := io.Copy(io.Discard, m.Kernel.Reader(bytes.NewReader(c.bytes)))
		is(name, err, c.want)
	}
	for line, want := range map[string]error{
		"console=ttyS0 quiet":                                  nil,
		"console=ttyS0 quiet\n":                                nil,
		"console=ttyS0 quiet initrd=image0 nine.token=a ip=x":  nil,
		"console=ttyS0 quiet init=/bin/sh":                     ErrPart,
		"console=ttyS0 quiet2":                                 ErrPart,
		"console=ttyS0":                                        ErrPart,
		"init=/bin/sh console=ttyS0 quiet":                     ErrPart,
		"console=ttyS0 quiet ip=\" init=/bin/sh \"":            ErrPart,
		"console=ttyS0 quiet ip=a\ninit=/bin/sh":               ErrPart,
		"console=ttyS0 quiet ip=" + strings.Repeat("x", 10000): ErrPart,
	} {
		is(line, m.Check(line), want)
	}
	// Signed anew: the number is larger though the clock may stand.
	if _, err := SignAll(s.cfg.Ndb, s.cfg.Dir, key); err != nil {
		t.Fatal(err)
	}
	text, sig = s.pair(t)
	if n, err := Verify(text, sig, trusted, m.Serial+1); err != nil {
		t.Errorf("%+v, %v", n, err)
	}
	if keygen, err := exec.LookPath("ssh-keygen"); err == nil {
		dir := t.TempDir()
		put(t, dir, "allowed", "release "+KeyText(&key.Public)+"\n")
		cmd := exec.Command(keygen, "-Y", "verify", "-n", ManifestSpace, "-f", filepath.Join(dir, "allowed"), "-I", "release", "-s", filepath.Join(s.cfg.Dir, "m.sig"))
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen: %v: %s", err, out)
		}
	}
}

// TestSignedScript: netboot does not hand out what the nodes would refuse.
func TestSignedScript(t *testing.T) {
	key := newKey(t)
	s := local(signed(t, key))
	script := func(ether, says string) {
		t.Helper()
		s.mu.Lock()
		n := s.node(ether)
		s.mu.Unlock()
		got, err := s.script(n, s.addr, true)
		switch {
		case says == "" && (err != nil || !strings.Contains(got, "kernel --name")):
			t.Errorf("%s: %q, %v", ether, got, err)
		case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %q, %v; want %s", ether, got, err, says)
		}
	}
	script(node1, "")
	script("525400000009", "")
	put(t, s.cfg.Dir, "image", "another image")
	script(node1, "image: not what the manifest says m")
	put(t, s.cfg.Dir, "image", strings.Repeat("i", 512*3))
	script(node1, "")
	text, sig := s.pair(t)
	put(t, s.cfg.Dir, "m", string(text)+"x")
	script(node1, "m: manifest: wrong ssh signature")
	put(t, s.cfg.Dir, "m", string(text))
	theirs, err := newKey(t).SignFile(ManifestSpace, text)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.cfg.Dir, "m.sig", string(theirs))
	script(node1, "m: manifest signed by a key that is not trusted: SHA256:")
	if err := os.Remove(filepath.Join(s.cfg.Dir, "m.sig")); err != nil {
		t.Fatal(err)
	}
	script(node1, "no such file")
	put(t, s.cfg.Dir, "m.sig", string(sig))
	script(node1, "")
}

// FuzzManifest: a text that is taken is the one that it would be written as.
func FuzzManifest(f *testing.F) {
	f.Add(manifestHead + "serial 7\nkernel " + strings.Repeat("00", 32) + " 12 a b\nimage " + strings.Repeat("ff", 32) + " 0 c\nmay ip x\ncmdline a b=c\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		if m.String() != text || m.Check(m.Cmdline) != nil && len(m.Cmdline) <= maxCmdline && m.Cmdline == strings.TrimSpace(m.Cmdline) {
			t.Errorf("%q is %q", text, m)
		}
	})
}
