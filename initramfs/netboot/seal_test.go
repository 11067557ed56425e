package netboot

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/initramfs/tpm"
	"ninespace/initramfs/tpm/tpmtest"
	"ninespace/srv/srvtest"
)

// sealing has the node node1 of a server with an authority be one with the TPM, and gives
// where it joins.
func sealing(t *testing.T, ek string) (*Server, string) {
	t.Helper()
	s, addr := served(t, withCA(t))
	s.haveTPM(t, ek)
	return s, "http://" + addr + "/join"
}

// haveTPM has ndb say of node1 that its TPM is the one.
func (s *Server) haveTPM(t *testing.T, ek string) {
	t.Helper()
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", strings.Replace(testNdb, "sys=node1", "sys=node1 ek="+ek, 1)+"ek="+strings.Repeat("F", 64)+" sys=other\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
}

// TestSeal: a machine joins by its TPM as soon as ndb has that, each time it boots, and its
// script says where.
func TestSeal(t *testing.T) {
	srvtest.CheckGoroutines(t)
	p := tpmtest.Open(t, tpmtest.Start(t))
	s, where := sealing(t, "")
	if script, err := s.script(s.nodes[node1], s.addr, false); err != nil || !strings.Contains(script, " nine.join="+where) || strings.Contains(script, "nine.token") {
		t.Errorf("%s, %v", script, err)
	}
	if script, err := s.script(s.nodes["525400000002"], s.addr, false); err != nil || strings.Contains(script, "nine.join") {
		t.Errorf("of one that has no TPM: %s, %v", script, err)
	}
	ctx, key := t.Context(), newKey(t)
	if _, err := Token(ctx, where, node1, p); !errors.Is(err, ErrStranger) {
		t.Errorf("a stranger: %v", err)
	}
	s.says(t, node1+" join: from 127.0.0.1: refused: join: this machine's TPM is not in ndb: ek="+p.Hash())
	s.haveTPM(t, strings.ToUpper(p.Hash()))
	for range 2 {
		token, err := Token(ctx, where, node1, p)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Token(ctx, where, node1, p); err != nil || again != token {
			t.Errorf("who asks again uses the first one up: %q, %q, %v", token, again, err)
		}
		cert, _, err := Join(ctx, where, node1, token, &key.Public)
		if err != nil || !slices.Equal(cert.Cert.Principals, []string{"node1", "node1.lab.example", "10.9.0.11"}) {
			t.Fatalf("%+v, %v", cert, err)
		}
		if _, _, err := Join(ctx, where, node1, token, &key.Public); !errors.Is(err, ErrJoin) {
			t.Errorf("a second time: %v", err)
		}
	}
	s.says(t, "refused: its token was used before")
	if text := s.nodeText(s.nodes[node1]); !strings.Contains(text, "ek="+p.Hash()) {
		t.Errorf("status: %s", text)
	}
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", testNdb+"ek="+p.Hash()+" sys=roams class=worker\nclass=default kernel=kernel\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.node("525400000009").known = true // by its class, as DHCP has found
	s.mu.Unlock()
	token, err := Token(ctx, where, "525400000009", p)
	if err != nil {
		t.Fatal(err)
	}
	if cert, _, err := Join(ctx, where, "525400000009", token, &key.Public); err != nil || cert.Cert.Principals[0] != "roams" {
		t.Errorf("known by its TPM alone: %+v, %v", cert, err)
	}
}

// TestSealRefused: another machine's TPM, none, and what was seen on the way let nobody in.
func TestSealRefused(t *testing.T) {
	p, other := tpmtest.Open(t, tpmtest.Start(t)), tpmtest.Open(t, tpmtest.Start(t))
	s, where := sealing(t, p.Hash())
	ctx, key := t.Context(), newKey(t)
	if _, err := Token(ctx, where, node1, other); !errors.Is(err, ErrJoin) {
		t.Errorf("another machine's TPM: %v", err)
	}
	s.says(t, "refused: another machine's TPM: ek="+other.Hash()+", and not "+p.Hash())
	if _, err := Token(ctx, where, "525400000002", p); !errors.Is(err, ErrJoin) {
		t.Errorf("another machine by this TPM: %v", err)
	}
	s.says(t, "525400000002 join: from 127.0.0.1: refused: another machine's TPM: ek="+p.Hash())
	if _, err := Token(ctx, where, "020000000001", p); !errors.Is(err, ErrJoin) {
		t.Errorf("an unknown node: %v", err)
	}
	s.says(t, "refused: unknown node 020000000001")
	ask := func(ek, ak []byte) string { return fmt.Sprintf("ether=%s ekpub=%x akpub=%x\n", node1, ek, ak) }
	for request, says := range map[string]string{
		ask(p.EK, nil):                   "no attestation key of a TPM",
		ask(p.EK, p.EK):                  "no attestation key of a TPM",
		ask(p.AK, p.AK):                  "no endorsement key of a TPM",
		ask([]byte("x"), p.AK):           "no endorsement key of a TPM",
		ask(p.EK, p.AK) + "# and":        "",
		"ether=" + node1 + " ekpub=x":    "malformed request",
		"ether=x ekpub=00":               "malformed request",
		ask(p.EK, make([]byte, maxBody)): "malformed request",
	} {
		answer, err := s.join(request, netip.Addr{})
		if says == "" && err == nil {
			continue
		}
		if !errors.Is(err, ErrJoin) {
			t.Errorf("%.60s: %s, %v", request, answer, err)
		}
		s.says(t, "refused: "+says)
	}
	// Who has seen the public keys asks in its place, with an attestation key of another TPM
	// too: neither TPM tells him.
	answer, err := s.join(ask(p.EK, other.AK), netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*tpm.TPM{p, other} {
		if c := challengeOf(t, answer); c != nil {
			if got, err := p.Activate(c); err == nil {
				t.Errorf("told: %q", got)
			}
		}
	}
	// A wrong secret; a right one too late.
	token, err := Token(ctx, where, node1, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Join(ctx, where, node1, token+"x", &key.Public); !errors.Is(err, ErrJoin) {
		t.Errorf("a wrong secret: %v", err)
	}
	s.says(t, "refused: wrong token")
	at(t, 2*sealTime)
	if _, _, err := Join(ctx, where, node1, token, &key.Public); !errors.Is(err, ErrJoin) {
		t.Errorf("too late: %v", err)
	}
	s.says(t, "refused: its token expired")
	for _, bad := range []string{"ek=12", "ek=" + strings.Repeat("g", 64), "ek=" + strings.Repeat("f", 64)} {
		put(t, filepath.Dir(s.cfg.Ndb), "ndb", testNdb+"ek="+strings.Repeat("F", 64)+" sys=other\nsys=more "+bad+"\n")
		if err := s.reload(); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// TestOtherName: what a machine says of itself after its token was made gets it no other's name.
func TestOtherName(t *testing.T) {
	p := tpmtest.Open(t, tpmtest.Start(t))
	s, addr := served(t, withCA(t))
	put(t, filepath.Dir(s.cfg.Ndb), "ndb", testNdb+"ek="+p.Hash()+" sys=lowly class=worker\n"+
		"serial=VICTIM ek="+strings.Repeat("A", 64)+" sys=victim dom=victim.lab.example ip=10.9.0.77 class=worker\nclass=default kernel=kernel\n")
	if err := s.reload(); err != nil {
		t.Fatal(err)
	}
	const ether = "525400000099"
	serial := func(serial string) {
		fetch(t, "GET", "http://"+addr+"/boot/"+ether+"?serial="+serial+"&platform=efi")
	}
	join := func(token string, want ...string) {
		t.Helper()
		cert, _, err := Join(t.Context(), "http://"+addr+"/join", ether, token, &newKey(t).Public)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(cert.Cert.Principals, want) {
			t.Errorf("a certificate for %v, not %v", cert.Cert.Principals, want)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if text := s.joined; strings.Contains(text, "victim") {
			t.Errorf("listed: %s", text)
		}
	}
	serial("x")
	s.mu.Lock()
	n := s.nodes[ether]
	err := s.arm(n, time.Minute)
	s.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	token := s.tokenOf(n, true)
	serial("VICTIM")
	join(token, ether)
	serial("x")
	token, err = Token(t.Context(), "http://"+addr+"/join", ether, p)
	if err != nil {
		t.Fatal(err)
	}
	serial("VICTIM")
	join(token, "lowly")
}

func challengeOf(t *testing.T, answer string) (c []byte) {
	t.Helper()
	if _, err := fmt.Sscanf(answer, "challenge=%x", &c); err != nil {
		t.Errorf("%s: %v", answer, err)
	}
	return c
}
