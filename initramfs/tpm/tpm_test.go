package tpm_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ninespace/initramfs/tpm"
	"ninespace/initramfs/tpm/tpmtest"
)

// TestActivate: the TPM that a secret was sealed for tells it, as often as it is asked, and
// is known again; another one does not, nor does it tell what was changed.
func TestActivate(t *testing.T) {
	at := tpmtest.Start(t)
	mine, other := tpmtest.Open(t, at), tpmtest.Open(t, tpmtest.Start(t))
	if mine.Hash() == other.Hash() || len(mine.Hash()) != 64 {
		t.Errorf("%s and %s", mine.Hash(), other.Hash())
	}
	secret := []byte("abcdefghijklmnopqrstuvwxyz012345")
	for _, s := range [][]byte{secret, secret[:26], secret[:1]} {
		c, err := mine.Challenge(s)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 { // more often than it has room for sessions
			if got, err := mine.Activate(c); err != nil || !bytes.Equal(got, s) {
				t.Errorf("%q, %v", got, err)
			}
		}
		if got, err := other.Activate(c); err == nil || !strings.Contains(err.Error(), "not made for this TPM's keys") {
			t.Errorf("another tells %q, %v", got, err)
		}
		for i := range c {
			bad := slices.Clone(c)
			bad[i] ^= 1
			if got, err := mine.Activate(bad); err == nil {
				t.Errorf("byte %d of another: %q", i, got)
			}
		}
	}
	mixed := tpm.Public{EK: mine.EK, AK: other.AK}
	if c, err := mixed.Challenge(secret); err != nil {
		t.Error(err)
	} else if got, err := mine.Activate(c); err == nil {
		t.Errorf("for another's attestation key: %q", got)
	}
	for _, bad := range []string{"", "x", "\x00\x05x", strings.Repeat("\x00", 5000)} {
		if got, err := mine.Activate([]byte(bad)); err == nil {
			t.Errorf("%.10q: %q", bad, got)
		}
	}
	mine.Close()
	if again := tpmtest.Open(t, at); again.Hash() != mine.Hash() || !bytes.Equal(again.AK, mine.AK) {
		t.Error("other keys the next time")
	}
}

// TestPublic: what says it is no key that stays in a TPM is none.
func TestPublic(t *testing.T) {
	p := tpmtest.Open(t, tpmtest.Start(t)).Public
	bad := func(name string, p tpm.Public) {
		if err := p.Check(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := p.Challenge([]byte("x")); err == nil {
			t.Errorf("%s: a challenge", name)
		}
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	if _, err := p.Challenge(make([]byte, tpm.MaxSecret+1)); err == nil {
		t.Error("a secret of any length")
	}
	bad("none", tpm.Public{})
	bad("no endorsement key", tpm.Public{EK: p.AK, AK: p.AK})
	bad("no attestation key", tpm.Public{EK: p.EK, AK: p.EK})
	bad("more", tpm.Public{EK: append(slices.Clone(p.EK), 0), AK: p.AK})
	for i := range p.EK { // the coordinates too: there is no such point
		ek := slices.Clone(p.EK)
		ek[i] ^= 1
		bad("other byte", tpm.Public{EK: ek, AK: p.AK})
		bad("cut", tpm.Public{EK: p.EK[:i], AK: p.AK})
	}
	for i := range p.AK {
		ak := slices.Clone(p.AK)
		ak[i] ^= 2
		bad("other byte", tpm.Public{EK: p.EK, AK: ak})
		bad("cut", tpm.Public{EK: p.EK, AK: p.AK[:i]})
	}
}

// TestLong: a challenge that no TPM takes in one command is refused, and what is asked next is
// answered as ever.
func TestLong(t *testing.T) {
	p := tpmtest.Open(t, tpmtest.Start(t))
	c, err := p.Challenge([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{4000, 4056, 4057, 4096, 5000, 9000} {
		if got, err := p.Activate(make([]byte, n)); err == nil {
			t.Errorf("%d bytes: %q", n, got)
		}
		if got, err := p.Activate(c); err != nil || string(got) != "x" {
			t.Errorf("after %d bytes: %q, %v", n, got, err)
		}
	}
}

// TestRoom: of the three keys that a TPM has room for one may be another program's. Where there
// are more it is said, nothing of ours is left there, and it is well once they have gone.
func TestRoom(t *testing.T) {
	at := tpmtest.Start(t)
	one := tpmtest.Fill(t, at)
	works := func() {
		t.Helper()
		p := tpmtest.Open(t, at)
		defer p.Close()
		c, err := p.Challenge([]byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			if got, err := p.Activate(c); err != nil || string(got) != "x" {
				t.Errorf("%q, %v", got, err)
			}
		}
	}
	works()
	two := tpmtest.Fill(t, at)
	for range 4 {
		p, err := tpm.New(tpmtest.Dial(t, at))
		if err == nil {
			p.Close()
			t.Fatal("it has keys")
		}
		if !errors.Is(err, tpm.Refused(0x902)) || !strings.Contains(err.Error(), "no room") {
			t.Error(err)
		}
	}
	two()
	works()
	one()
	works()
}

// TestTools holds the key against tpm2-tools: they make the same one, and say the same of it.
func TestTools(t *testing.T) {
	for _, name := range []string{"tpm2_createek", "tpm2_readpublic"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("Debian's tpm2-tools is missing: ", err)
		}
	}
	at := tpmtest.Start(t)
	p := tpmtest.Open(t, at)
	p.Close() // one at a time speaks to it
	dir := t.TempDir()
	tool := func(name string, args ...string) string {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TPM2TOOLS_TCTI=swtpm:path="+at, "TSS2_LOG=all+none")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		return string(out)
	}
	tool("tpm2_createek", "-G", "ecc", "-c", "ek.ctx", "-u", "ek.pub")
	if name := regexp.MustCompile(`name: 000b(\w+)`).FindStringSubmatch(tool("tpm2_readpublic", "-c", "ek.ctx")); name == nil || name[1] != p.Hash() {
		t.Errorf("%s, theirs is %q", p.Hash(), name)
	}
	if ek, err := os.ReadFile(filepath.Join(dir, "ek.pub")); err != nil || !bytes.Equal(ek[2:], p.EK) {
		t.Errorf("another public area: %x, %x, %v", ek, p.EK, err)
	}
}

// An answerer is a TPM that answers each command by the same bytes.
type answerer struct{ io.Reader }

func (answerer) Write(p []byte) (int, error) { return len(p), nil }
func (answerer) Close() error                { return nil }

// FuzzAnswers: whatever a TPM answers, nobody waits or falls over it.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\x80\x01\x00\x00\x00\x0a\x00\x00\x01\x01"))
	f.Add([]byte("\x80\x02\x00\x00\x00\x12\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x02\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := tpm.New(answerer{bytes.NewReader(b)}); err == nil {
			t.Error("it has keys")
		}
	})
}
