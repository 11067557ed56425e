package netboot

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/factotum"
	"ninespace/factotum/keytest"
	"ninespace/factotum/sshkey"
	"ninespace/srv"
	"ninespace/srv/srvtest"
)

// run calls Main, which ends by itself, and gives what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = Main(t.Context(), [3]*os.File{nil, w, w}, args)
	w.Close()
	out, _ := io.ReadAll(r)
	return string(out), err
}

func TestSign(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("Debian's openssh-client is missing: ", err)
	}
	srvtest.CheckFiles(t)
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"ndb": "class=a manifest=m kernel=k image=i cmdline=quiet\n", "k": "kernel", "i": "image", "bad": "x"} {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, phrase := range map[string]string{"key": "", "sealed": "a phrase"} {
		if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", phrase, "-f", file(name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if out, err := run(t, "-S", file("key"), "-f", file("ndb"), "-d", dir); err != nil || out != "m\n" {
		t.Errorf("%q, %v", out, err)
	}
	for _, name := range []string{"m", "m.sig"} {
		if _, err := os.Stat(file(name)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ args, says string }{
		{"-S none", "no such file"},
		{"-S bad", "not a private key in OpenSSH's format"},
		{"-S sealed", "wrong passphrase"},
		{"-S key -f none", "no such file"},
		{"-S key -f k", "no entry has manifest="},
		{"-c none", "no such file"},
		{"-k bad", "malformed ssh data"},
		{"-k ndb", "malformed"},
		{"-t key", "key"},
		{"-d none", "no such directory"},
		{"-e nosuch", "nosuch: no interface with an IPv4 address"},
	} {
		args := []string{"-f", file("ndb"), "-d", dir}
		for i, a := range strings.Fields(c.args) {
			if i%2 == 1 && a != "nosuch" {
				a = file(a)
			}
			args = append(args, a)
		}
		if _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.args, err)
		}
	}
}

// TestMissing: files that are not there are said at once, not when a machine asks for them.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	ndb := filepath.Join(dir, "ndb")
	if err := os.WriteFile(ndb, []byte("class=a kernel=vmlinuz image=node image=ndb\nclass=b kernel=vmlinuz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "-f", ndb, "-d", dir, "-e", "nosuch")
	want := "netboot: kernel=vmlinuz: no such file or directory in " + dir + ", which -d names\n" +
		"netboot: image=node: no such file or directory in " + dir + ", which -d names\n"
	if err == nil || out != want {
		t.Errorf("%s, %v", out, err)
	}
}

func TestUsage(t *testing.T) {
	for args, usage := range map[string]bool{"-q": true, "10.9.0.1": true, "a b c": true, "-S x y": true, "x 1": false, "::1 1": false, "10.9.0.1 0": false, "10.9.0.1 5000": false} {
		if _, err := run(t, strings.Fields(args)...); err == nil || errors.Is(err, flag.ErrHelp) != usage {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// TestAuthority: factotum signs by the private half of a public key, where it has that.
func TestAuthority(t *testing.T) {
	srvtest.CheckGoroutines(t)
	ca, key := keytest.New(t), keytest.New(t)
	dir := t.TempDir()
	t.Setenv("NAMESPACE", dir)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "ca.pub")
	if err := os.WriteFile(file, []byte(ca.Public.String()+" authority\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := authority(t.Context(), file); err == nil {
		t.Error("an authority without a factotum")
	}
	f := factotum.New(factotum.Config{})
	defer f.Close()
	l, err := srv.Post("factotum")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- srv.New(f).Serve(ctx, l) }()
	defer func() { cancel(); <-done }()
	if _, _, err := authority(t.Context(), file); err == nil {
		t.Error("an authority whose key factotum does not have")
	}
	wire, err := sshkey.AppendPrivate(nil, ca.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.AddSSH(wire, "", nil, 0); err != nil {
		t.Fatal(err)
	}
	pub, sign, err := authority(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	c := sshkey.Cert{Kind: sshkey.HostCert, ID: "node1", Principals: []string{"node1"}, Before: uint64(time.Now().Add(time.Hour).Unix())}
	cert, err := c.Certify(&key.Public, pub, sign)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.Cert.Check(sshkey.HostCert, "node1", time.Now()); err != nil || !cert.Cert.CA.Equal(&ca.Public) {
		t.Errorf("%+v, %v", cert.Cert, err)
	}
	// One that is there and silent, as if it asked somebody who is away.
	defer func(d time.Duration) { signTime = d }(signTime)
	signTime = 100 * time.Millisecond
	name := filepath.Join(dir, "factotum")
	if err := os.Rename(name, name+".gone"); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	end := time.AfterFunc(20*time.Second, func() { silent.Close() })
	defer end.Stop()
	if _, err := c.Certify(&key.Public, pub, sign); err == nil || !strings.Contains(err.Error(), "not signed within") {
		t.Errorf("by a silent factotum: %v", err)
	}
}
