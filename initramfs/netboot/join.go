package netboot

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ninespace/factotum/sshkey"
	"ninespace/srv/ndb"
)

// A node joins once: it shows, by a token that it was given for its first boot, that it
// is the machine that the token was made for, and has its key certified. The request and
// the answer are lines of attributes:
//
//	ether=525400123456 key="ssh-ed25519 AAAA..." proof=hex
//	cert="ssh-ed25519-cert-v01@openssh.com AAAA..." ca="ssh-ed25519 AAAA..." proof=hex
//
// A proof is HMAC-SHA256, by the token's SHA-256, of what the line says: the token itself
// does not go over the wire again, who changes the key on the way is found out, and the
// node knows that the authority is the one that made the token.

// A token is good for one join.
type token struct {
	text  string   // until the node's script has had it
	key   [32]byte // its hash
	until time.Time
	used  bool
	ek    string // of the TPM that alone can tell it, by its endorsement key's hash; "" of none

	// Whom it is made for: what a machine says of itself later makes it nobody else.
	sys   string
	names []string     // for the certificate
	addrs []netip.Addr // none for one that is leased
}

func (t *token) state() string {
	switch {
	case t.used:
		return "used"
	case !now().Before(t.until):
		return "expired"
	case t.text != "":
		return "waits"
	}
	return "given"
}

const (
	tokenTime = 10 * time.Minute
	certTime  = 365 * 24 * time.Hour
)

// ErrJoin is all that who asks to join is told, whatever is wrong; the log has that.
var ErrJoin = errors.New("join refused: the token is unknown, expired or was used before")

// Errors of joining, for the log.
var (
	errUnknown = errors.New("unknown node")
	errNoCA    = errors.New("there is no authority to sign keys")
)

// errUnsigned is what one who may join is told where that cannot be now.
var errUnsigned = errors.New("join: the authority does not sign just now; the token is good for another try")

// arm lets a node join, for a time, by a token that its next script has and the file
// token. s.mu is held.
func (s *Server) arm(n *node, life time.Duration) error {
	if s.cfg.CA == nil {
		return errNoCA
	}
	text := rand.Text()
	p, _ := s.db.find(n.machine)
	n.token = &token{text: text, key: sha256.Sum256([]byte(text)), until: now().Add(life), sys: p.sys, names: n.names(p), addrs: p.addrs()}
	s.sayLocked(n, "join: a token waits for it, for %s, as %s", life, strings.Join(n.token.names, ","))
	return nil
}

// names are those that a node's certificate is for, by its plan.
func (n *node) names(p plan) []string {
	names := append([]string{n.ether}, p.entry.Get("dom")...)
	if p.sys != "" {
		names[0] = p.sys
	}
	for _, a := range p.addrs() { // one that is leased will be another's, long before the certificate ends
		names = append(names, a.String())
	}
	return names
}

// tokenOf is the token that waits for a node, "" if none does. With take it waits no
// more.
func (s *Server) tokenOf(n *node, take bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.token == nil || n.token.state() != "waits" {
		return ""
	}
	text := n.token.text
	if take {
		n.token.text = ""
		s.sayLocked(n, "join: its token is in the script")
	}
	return text
}

// mayTell tells whether the token that waits for a node may go to an address. It is for the machine
// alone, as far as an address tells: one that ndb had for it when the token was made or, where there
// was none, one that DHCP gives it. s.mu is held.
func (s *Server) mayTell(n *node, a netip.Addr) bool {
	if n.token == nil || n.token.state() != "waits" {
		return false
	}
	own := slices.Contains(n.token.addrs, a)
	if len(n.token.addrs) == 0 {
		l := s.leases[a]
		own = l != nil && l.ether == n.ether || s.net6.Contains(a) && a == s.address6(n, plan{})
	}
	if !own {
		s.sayLocked(n, "join: %s is none of its addresses: its token waits", a)
	}
	return own
}

// joinArgs is what the command line of a node says of joining, at our own address; with give its
// token too.
func (s *Server) joinArgs(n *node, p plan, own netip.Addr, give bool) string {
	token := ""
	if give {
		token = s.tokenOf(n, true)
	}
	switch {
	case token != "":
		return " nine.token=" + token + " nine.join=" + s.url(own, false) + "/join"
	case p.tpm && s.cfg.CA != nil:
		return " nine.join=" + s.url(own, false) + "/join"
	}
	return ""
}

// proof is the HMAC of words.
func proof(key [32]byte, words ...string) string {
	m := hmac.New(sha256.New, key[:])
	for _, w := range words {
		m.Write(sshkey.AppendBytes(nil, w))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// join does what a request asks for and gives the answer, ErrJoin, ErrStranger or errUnsigned. addr
// is not valid for one by the file join.
func (s *Server) join(request string, addr netip.Addr) (string, error) {
	from := "the file join"
	if addr.IsValid() {
		from = addr.String()
	}
	e := oneEntry(request)
	if len(request) > maxBody {
		e = nil
	}
	if len(e.Get("ekpub")) > 0 {
		return s.seal(e, from)
	}
	s.mu.Lock()
	n, tok, key, err := s.admit(e)
	if err != nil {
		defer s.mu.Unlock()
		return "", s.refuse(n, from, err)
	}
	k := tok.key
	tok.used, tok.text, tok.key = true, "", [32]byte{} // no other gets in by it meanwhile
	n.ek = tok.ek
	sys, names := tok.sys, tok.names
	if len(tok.addrs) > 0 {
		addr = tok.addrs[0] // else the one that the proof came from
	}
	s.mu.Unlock()
	c := sshkey.Cert{Serial: uint64(now().UnixNano()), Kind: sshkey.HostCert, ID: names[0], Principals: names,
		After: uint64(now().Add(-5 * time.Minute).Unix()), Before: uint64(now().Add(certTime).Unix())}
	cert, err := c.Certify(key, s.cfg.CA, s.cfg.Sign) // may ask factotum
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		tok.used, tok.key = false, k
		s.sayLocked(n, "join: %v", err)
		return "", errUnsigned
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n.state, n.cert = "joined", key.Fingerprint()
	s.count.joined++
	n.key = KeyText(key)
	s.sayLocked(n, "join: from %s: %s has the key %s", from, strings.Join(names, ","), n.cert)
	s.list(n, sys, addr)
	return fmt.Sprintf("cert=%q ca=%q proof=%s\n", KeyText(cert), KeyText(s.cfg.CA), proof(k, "joined", string(cert.Blob), string(s.cfg.CA.Blob))), nil
}

// refuse refuses a request, and says why in the log alone. s.mu is held.
func (s *Server) refuse(n *node, from string, why error) error {
	s.count.refused++
	s.sayLocked(n, "join: from %s: refused: %v", from, why)
	if errors.Is(why, ErrStranger) {
		return ErrStranger
	}
	return ErrJoin
}

// admit tells whose request it is, whose key it brings, and by which token. s.mu is held.
func (s *Server) admit(e ndb.Entry) (n *node, tok *token, key *sshkey.Public, err error) {
	if n, err = s.applicant(e); err != nil {
		return n, nil, nil, err
	}
	if key, err = ParseKey(value(e, "key")); err != nil {
		return n, nil, nil, err
	}
	why := errors.New("no token was made for it")
	for _, t := range []*token{n.token, n.sealed} {
		if t == nil {
			continue
		}
		switch state := t.state(); {
		case state == "used":
			why = errors.New("its token was used before")
		case state == "expired":
			why = errors.New("its token expired")
		case hmac.Equal([]byte(proof(t.key, "join", n.ether, string(key.Blob))), []byte(value(e, "proof"))):
			return n, t, key, nil
		default:
			why = errors.New("wrong token")
		}
	}
	return n, nil, nil, why
}

// applicant is the node that a request is of. s.mu is held.
func (s *Server) applicant(e ndb.Entry) (*node, error) {
	if s.cfg.CA == nil {
		return nil, errNoCA
	}
	ether, ok := parseEther(value(e, "ether"))
	if !ok {
		return nil, errors.New("malformed request")
	}
	n := s.nodes[ether]
	if n == nil {
		return nil, fmt.Errorf("%w %s", errUnknown, ether)
	}
	if !n.known {
		return n, errUnknown
	}
	return n, nil
}

func oneEntry(line string) ndb.Entry {
	if all := ndb.Parse(line); len(all) == 1 {
		return all[0]
	}
	return nil
}

func value(e ndb.Entry, attr string) string {
	if v := e.Get(attr); len(v) > 0 {
		return v[0]
	}
	return ""
}

// KeyText writes a key or certificate as authorized_keys has it.
func KeyText(k *sshkey.Public) string {
	r := &sshkey.Reader{B: k.Blob}
	return r.String() + " " + base64.StdEncoding.EncodeToString(k.Blob)
}

// ParseKey reads a public key or certificate as authorized_keys has it, without options.
func ParseKey(text string) (*sshkey.Public, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return nil, sshkey.ErrFormat
	}
	blob, err := base64.StdEncoding.DecodeString(f[1])
	if err != nil {
		return nil, sshkey.ErrFormat
	}
	k, err := sshkey.ParsePublic(blob)
	if err == nil && (k.Key == nil || (&sshkey.Reader{B: blob}).String() != f[0]) {
		err = sshkey.ErrFormat
	}
	return k, err
}

// life reads how long a token is good: seconds, or as Go has it.
func life(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if sec, err1 := strconv.Atoi(text); err1 == nil {
		d, err = time.Duration(sec)*time.Second, nil
	}
	if err != nil || d <= 0 || d > 24*time.Hour {
		return 0, errors.New("not a time of at most a day")
	}
	return d, nil
}

// ParseKeys reads public keys, a line each. None at all is an error.
func ParseKeys(text string) (keys []*sshkey.Public, err error) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if keys == nil {
		return nil, errors.New("no key in it")
	}
	return keys, nil
}
