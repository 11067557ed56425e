package netboot

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/factotum/sshkey"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

const node1 = "525400123456"

// fileText reads a file of the tree.
func fileText(t *testing.T, root *client.Fid, name string) string {
	t.Helper()
	f, err := root.Walk(t.Context(), strings.Split(name, "/")...)
	if err == nil {
		err = f.Open(t.Context(), p9.OREAD)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	p := make([]byte, 64<<10)
	n, err := f.Read(t.Context(), p, 0)
	if err != nil && err != io.EOF {
		t.Fatalf("%s: %v", name, err)
	}
	return string(p[:n])
}

// tell writes to a file of the tree.
func tell(t *testing.T, root *client.Fid, name, text string) error {
	t.Helper()
	f, err := root.Walk(t.Context(), strings.Split(name, "/")...)
	if err == nil {
		err = f.Open(t.Context(), p9.OWRITE)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	_, err = f.Write(t.Context(), []byte(text), 0)
	return err
}

// arg finds an argument of the command line in a script.
func arg(script, name string) string {
	for _, w := range strings.Fields(script) {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return ""
}

// TestJoin: a token is in one script, is good for one join, and gets a certificate that
// ssh-keygen reads.
func TestJoin(t *testing.T) {
	srvtest.CheckGoroutines(t)
	list := filepath.Join(t.TempDir(), "joined")
	if err := os.WriteFile(list, []byte("sys=other\nnode="+node1+" sys=old\n\tip=1.2.3.4\nsys=another"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, addr := served(t, func(cfg *Config) {
		withCA(t)(cfg)
		cfg.Joined = list
	})
	root := srvtest.Mount(t, s.Root(), true)
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", strings.Replace(testNdb, "ip=10.9.0.11", "ip=127.0.0.1", 1)) // else it asks from elsewhere
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	if err := tell(t, root, "ctl", "token "+node1+" 1h"); err != nil {
		t.Fatal(err)
	}
	waiting := strings.TrimSpace(fileText(t, root, "nodes/"+node1+"/token"))
	if got := fileText(t, root, "nodes/"+node1+"/script"); strings.Contains(got, "nine.token") {
		t.Errorf("the file script has it: %s", got)
	}
	_, script := fetch(t, "GET", "http://"+addr+"/boot/"+node1)
	token, where := arg(script, "nine.token"), arg(script, "nine.join")
	if len(token) < 20 || token != waiting || where != "http://"+addr+"/join" {
		t.Fatalf("%q, %q in\n%s", token, where, script)
	}
	if _, again := fetch(t, "GET", "http://"+addr+"/boot/"+node1); strings.Contains(again, "nine.token") {
		t.Errorf("a second script: %s", again)
	}
	if got := fileText(t, root, "nodes/"+node1+"/token"); got != "" {
		t.Errorf("the file token still has %q", got)
	}
	key, ctx := newKey(t), t.Context()
	if _, _, err := Join(ctx, where, node1, token+"x", &key.Public); err == nil {
		t.Error("joined by a wrong token")
	}
	if _, _, err := Join(ctx, where, "525400000002", token, &key.Public); err == nil {
		t.Error("joined by another's token")
	}
	cert, ca, err := Join(ctx, where, node1, token, &key.Public)
	if err != nil {
		t.Fatal(err)
	}
	if !ca.Equal(s.cfg.CA) || cert.Cert.Kind != sshkey.HostCert || !slices.Equal(cert.Cert.Principals, []string{"node1", "node1.lab.example", "127.0.0.1"}) {
		t.Errorf("%+v by %s", cert.Cert, ca.Fingerprint())
	}
	if keygen, err := exec.LookPath("ssh-keygen"); err == nil {
		file := filepath.Join(t.TempDir(), "cert.pub")
		if err := os.WriteFile(file, []byte(KeyText(cert)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(keygen, "-L", "-f", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "host certificate") || !strings.Contains(string(out), "node1.lab.example") {
			t.Errorf("%v: %s", err, out)
		}
	}
	// Its address is the plan's, and not that of whoever has asked for something in its name.
	entry := "node=" + node1 + " sys=node1 ip=127.0.0.1\n\thostkey=\"" + KeyText(&key.Public) + "\" joined="
	text, err := os.ReadFile(list)
	if want := "sys=other\nsys=another\n" + entry; !strings.HasPrefix(string(text), want) || err != nil {
		t.Errorf("listed: %s, %v", text, err)
	}
	if got := fileText(t, root, "joined"); !strings.HasPrefix(got, entry) {
		t.Errorf("joined: %s", got)
	}
	for range 2 {
		if _, _, err := Join(ctx, where, node1, token, &key.Public); !errors.Is(err, ErrJoin) {
			t.Errorf("replayed: %v", err)
		}
	}
	s.says(t, node1+" join: from 127.0.0.1: refused: wrong token", "525400000002 join: from 127.0.0.1: refused: no token was made for it",
		node1+" join: from 127.0.0.1: refused: its token was used before", "node1,node1.lab.example,127.0.0.1 has the key SHA256:")
	if log := s.logText(""); strings.Contains(log, token) {
		t.Error("the token is in the log")
	}
	if got := fileText(t, root, "nodes/"+node1+"/status"); !strings.Contains(got, "state=joined") || !strings.Contains(got, "token=used") || strings.Contains(got, token) {
		t.Error(got)
	}
}

// TestJoinRefused: what is wrong with a request, by the file join; the one who asks is
// told no more than that it is refused.
func TestJoinRefused(t *testing.T) {
	s := newServer(t, withCA(t))
	root := srvtest.Mount(t, s.Root(), true)
	key, other := newKey(t), newKey(t)
	file := "nodes/" + node1 + "/join"
	arm := func() string {
		if err := tell(t, root, "nodes/"+node1+"/ctl", "token 60"); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(fileText(t, root, "nodes/"+node1+"/token"))
	}
	token := arm()
	good := JoinRequest(node1, token, &key.Public)
	for request, says := range map[string]string{
		"":        "- join: from the file join: refused: malformed request",
		"ether=x": "refused: malformed request",
		strings.Replace(good, node1, "020000000001", 1):                                                                      "- join: from the file join: refused: unknown node 020000000001",
		strings.Replace(good, base64.StdEncoding.EncodeToString(key.Blob), "AAAA", 1):                                        "refused: unknown type of ssh key",
		strings.Replace(good, base64.StdEncoding.EncodeToString(key.Blob), base64.StdEncoding.EncodeToString(other.Blob), 1): "refused: wrong token",
		good + strings.Repeat("#\n", maxBody):                                                                                "refused: malformed request",
	} {
		if err := tell(t, root, file, request); err == nil || strings.Contains(err.Error(), "token") {
			t.Errorf("%.40q: %v", request, err)
		}
		s.says(t, says)
	}
	at(t, 2*time.Minute)
	if err := tell(t, root, file, good); err == nil {
		t.Error("joined after the token's time")
	}
	s.says(t, "refused: its token expired")
	for _, bad := range []string{"token x", "token 0", "token -1", "token 25h", "token 1 2", "forget 1", "nosuch"} {
		if err := tell(t, root, "nodes/"+node1+"/ctl", bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	for _, bad := range []string{"token", "token x", "token 020000000001", "forget", "forget x", "reload now"} {
		if err := tell(t, root, "ctl", bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	token = arm()
	f, err := root.Walk(t.Context(), strings.Split(file, "/")...)
	if err == nil {
		err = f.Open(t.Context(), p9.ORDWR)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(t.Context(), []byte(JoinRequest(node1, token, &key.Public)), 0); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, maxBody)
	n, err := f.Read(t.Context(), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	answer := string(p[:n])
	if _, _, err := JoinAnswer(answer, token, &key.Public); err != nil {
		t.Error(err)
	}
	if _, _, err := JoinAnswer(answer, token+"x", &key.Public); err == nil {
		t.Error("the answer is good by another token")
	}
	if _, _, err := JoinAnswer(answer, token, &other.Public); err == nil {
		t.Error("the answer is good for another key")
	}
	if _, _, err := JoinAnswer(strings.Replace(answer, "proof=", "proof=0", 1), token, &key.Public); err == nil {
		t.Error("the answer is good with another proof")
	}
	if err := tell(t, root, "ctl", "forget "+node1); err != nil {
		t.Fatal(err)
	}
	if got := fileText(t, root, "nodes/"+node1+"/status"); !strings.Contains(got, "state=unheard") || strings.Contains(got, "token=") {
		t.Error(got)
	}
	none := newServer(t, nil)
	if err := tell(t, srvtest.Mount(t, none.Root(), true), "ctl", "token "+node1); err == nil {
		t.Error("a token without an authority")
	}
}

// TestOneJoins: of many that ask by one token at the same time, one is let in.
func TestOneJoins(t *testing.T) {
	s := newServer(t, withCA(t))
	s.mu.Lock()
	err := s.arm(s.nodes[node1], time.Minute)
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	token := s.tokenOf(s.nodes[node1], true)
	results := make(chan error)
	for range 20 {
		key := newKey(t)
		go func() {
			_, err := s.join(JoinRequest(node1, token, &key.Public), netip.Addr{})
			results <- err
		}()
	}
	in := 0
	for range 20 {
		if <-results == nil {
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d joined", in)
	}
}

// TestNotSigned: where the authority cannot sign, the token is good for another try, by
// the same machine or another that knows it.
func TestNotSigned(t *testing.T) {
	s := newServer(t, withCA(t))
	sign := s.cfg.Sign
	s.cfg.Sign = func([]byte) ([]byte, error) { return nil, errors.New("factotum is away") }
	s.mu.Lock()
	err := s.arm(s.nodes[node1], time.Minute)
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	token, key := s.tokenOf(s.nodes[node1], true), newKey(t)
	if _, err := s.join(JoinRequest(node1, token, &key.Public), netip.Addr{}); err == nil || errors.Is(err, ErrJoin) {
		t.Errorf("not signed: %v", err)
	}
	s.says(t, "factotum is away")
	s.cfg.Sign = sign
	if _, err := s.join(JoinRequest(node1, token, &key.Public), netip.Addr{}); err != nil {
		t.Errorf("signed: %v", err)
	}
	if _, err := s.join(JoinRequest(node1, token, &key.Public), netip.Addr{}); !errors.Is(err, ErrJoin) {
		t.Errorf("a second time: %v", err)
	}
}

// TestDripping: a server that gives its answer in crumbs holds a node up for as long as a
// join may take in all.
func TestDripping(t *testing.T) {
	srvtest.CheckGoroutines(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
		crumb := time.NewTicker(5 * time.Millisecond)
		defer crumb.Stop()
		for range crumb.C {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	defer func(d time.Duration) { joinTime = d }(joinTime)
	joinTime = 200 * time.Millisecond
	key := newKey(t)
	if _, _, err := Join(t.Context(), fmt.Sprintf("http://%s/join", l.Addr()), node1, "x", &key.Public); err == nil || !strings.Contains(err.Error(), "not done within") {
		t.Errorf("joined by crumbs: %v", err)
	}
	l.Close()
	<-done
}

// TestNoAnswer: a server that says nothing holds a node up no longer than it wants.
func TestNoAnswer(t *testing.T) {
	srvtest.CheckGoroutines(t)
	l := silent(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	key := newKey(t)
	if _, _, err := Join(ctx, fmt.Sprintf("http://%s/join", l), node1, "x", &key.Public); err == nil {
		t.Error("joined by silence")
	}
	for _, bad := range []string{"https://127.0.0.1/join", "x", "http://127.0.0.1:1/join", "http:///"} {
		if _, _, err := Join(t.Context(), bad, node1, "x", &key.Public); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}
