package netboot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/factotum/keytest"
	"ninespace/srv"
	"ninespace/srv/srvtest"
)

const testNdb = `# a laboratory
ipnet=lab ip=10.9.0.0 ipmask=255.255.255.0
	ipgw=10.9.0.254 dns=10.9.0.253 dnsdomain=lab.example
class=worker kernel=kernel image=image image=more
	cmdline="console=ttyS0 quiet"
ether=525400123456 ip=10.9.0.11 sys=node1 dom=node1.lab.example class=worker
	cmdline="nine.x=1"
ether=52:54:00:00:00:02 ip=10.9.0.12 sys=node2 bootf=node2.efi
uuid=33221100-5544-7766-8899-aabbccddeeff ip=10.9.0.13 sys=node3 class=worker
class=arms arch=arm64 kernel=arm
`

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newServer makes a server whose files are in a directory of the test's.
func newServer(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"files", "loaders"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, dir, "secret", "secret")
	put(t, dir, "ndb", testNdb)
	put(t, dir, "files/kernel", strings.Repeat("kernel", 100_000))
	put(t, dir, "files/image", strings.Repeat("i", 512*3))
	put(t, dir, "files/more", "")
	put(t, dir, "files/node2.efi", "efi")
	if err := os.Symlink("../secret", filepath.Join(dir, "files", "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"undionly.kpxe", "boot.efi", "ipxe-arm64.efi"} {
		put(t, dir, "loaders/"+name, strings.Repeat(name, 5000))
	}
	if err := os.Rename(filepath.Join(dir, "loaders/boot.efi"), filepath.Join(dir, "boot.efi")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "boot.efi"), filepath.Join(dir, "loaders/ipxe.efi")); err != nil { // as Debian has it
		t.Fatal(err)
	}
	cfg := Config{Ndb: filepath.Join(dir, "ndb"), Dir: filepath.Join(dir, "files"), Loaders: filepath.Join(dir, "loaders")}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

var newKey = keytest.New

// withCA gives the configuration an authority.
func withCA(t testing.TB) func(*Config) {
	ca := newKey(t)
	return func(cfg *Config) {
		cfg.CA, cfg.Sign = &ca.Public, func(b []byte) ([]byte, error) { return ca.Sign(b, "") }
	}
}

// says wants lines in the log.
func (s *Server) says(t testing.TB, want ...string) {
	t.Helper()
	log := ""
	for _, w := range want {
		if !srvtest.Until(func() bool { log = s.logText(""); return strings.Contains(log, w) }) {
			t.Errorf("%q is not in the log:\n%s", w, log)
		}
	}
}

// at moves the clock of the package until the end of the test.
func at(t testing.TB, d time.Duration) {
	t.Helper()
	now = func() time.Time { return time.Now().Add(d) }
	t.Cleanup(func() { now = time.Now })
}

func TestTree(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	srvtest.Test(t, func() srv.File { return newServer(t, withCA(t)).Root() })
	s := newServer(t, withCA(t))
	srvtest.Drawing(t, "netboot.go", s.Root())
}

func TestDB(t *testing.T) {
	s := newServer(t, nil)
	for _, c := range []struct {
		m                    machine
		sys, kernel, cmdline string
		known                bool
	}{
		{machine{ether: "525400123456"}, "node1", "kernel", "console=ttyS0 quiet nine.x=1", true},
		{machine{ether: "525400000002", arch: "arm64"}, "node2", "", "", true},
		{machine{ether: "525400000003", uuid: "33221100-5544-7766-8899-AABBCCDDEEFF"}, "node3", "kernel", "console=ttyS0 quiet", true},
		{machine{ether: "525400000004", arch: "arm64"}, "", "arm", "", true},
		{machine{ether: "525400000004", arch: "x86_64"}, "", "", "", false},
	} {
		p, known := s.db.find(c.m)
		if known != c.known || p.sys != c.sys || p.kernel != c.kernel || p.cmdline != c.cmdline {
			t.Errorf("%v: %+v, %v", c.m, p, known)
		}
	}
	for _, c := range []struct{ text, says string }{
		{"ether=525400123456\n\nether=52:54:00:12:34:56\n", "ether=525400123456: duplicate: two entries have it"},
		{"ether=525400123456 ip=10.9.0.1\nether=525400123457 ip=10.9.0.1\n", "ip=10.9.0.1: duplicate: "},
		{"ether=5254\n", "ether=5254: not an Ethernet address"},
		{"ether=525400123456 ip=x\n", "ether=525400123456: ip=x: not an address"},
		{"ipnet=a ip=10.9.0.0 ipmask=x\n", "ipnet=a: no network"},
		{"ether=525400123456 class=none\n", "class=none: no entry begins with it"},
	} {
		if err := os.WriteFile(s.cfg.Ndb, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.reload(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.text, err)
		}
		if _, ok := s.db.find(machine{ether: "525400000002"}); !ok {
			t.Errorf("%q: the old database is gone", c.text)
		}
	}
	s.says(t, "ndb: kernel=arm: no such file or directory")
}

// TestOneName: two machines of one name, of which each may show a certificate for it, are named to who
// reads the log. One entry with two cards is one machine.
func TestOneName(t *testing.T) {
	s := newServer(t, nil)
	put(t, s.cfg.Dir+"/..", "ndb", testNdb+"ether=020000000007 sys=node1\nether=020000000008 ether=020000000009 sys=node8\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	s.says(t, "ndb: sys=node1: two machines have the name, 525400123456 and 020000000007")
	if log := s.logText(""); strings.Contains(log, "node8") {
		t.Error(log)
	}
}
