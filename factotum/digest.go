package factotum

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"strings"

	"ninespace/srv"
)

// Httpdigest is HTTP's digest authentication, RFC 7616, of which the caller has the
// header's fields and factotum the password. The client writes the challenge and reads
// the response, in hexadecimal. The challenge is words, quoted:
//
//	nonce method uri [qop=auth nc=N cnonce=C] [algorithm=MD5|SHA-256]
//
// Without qop it is RFC 2069's. The server reads a nonce, writes the words "user
// response method uri" with the same further ones, and reads ok or bad. A nonce is good
// for one response.

// digestOf is the response to a challenge.
func digestOf(user, realm string, password []byte, nonce, method, uri string, more Attrs) (string, error) {
	newHash := md5.New
	switch more.Get("algorithm") {
	case "", "MD5":
	case "SHA-256":
		newHash = func() hash.Hash { return sha256.New() }
	default:
		return "", invalid("algorithm is not MD5 or SHA-256")
	}
	sum := func(parts ...string) string {
		h := newHash()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
	a1 := sum(user, realm, string(password))
	a2 := sum(method, uri)
	switch qop := more.Get("qop"); qop {
	case "":
		return sum(a1, nonce, a2), nil
	case "auth":
		return sum(a1, nonce, more.Get("nc"), more.Get("cnonce"), qop, a2), nil
	}
	return "", invalid("qop is not auth")
}

// digestWords parts a message into n words and attributes.
func digestWords(s string, n int) ([]string, Attrs, error) {
	w, err := srv.Fields(s)
	if err != nil || len(w) < n {
		return nil, nil, errBotch
	}
	var more Attrs
	for _, a := range w[n:] {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			return nil, nil, errBotch
		}
		more = append(more, Attr{Name: name, Value: value})
	}
	return w[:n], more, nil
}

func digestClient(c *conv) error {
	s, err := c.text()
	if err != nil {
		return err
	}
	w, more, err := digestWords(s, 3)
	if err != nil {
		return err
	}
	k, err := c.key(c.template(c.proto.prompt()...))
	if err != nil {
		return err
	}
	resp, err := digestOf(k.attrs.Get("user"), k.attrs.Get("realm"), k.secret("!password"), w[0], w[1], w[2], more)
	if err != nil {
		return err
	}
	return c.send([]byte(resp))
}

func digestServer(c *conv) error {
	realm := c.attrs.Get("realm")
	if realm == "" {
		return invalid("no realm=")
	}
	nonce := rand.Text()
	if err := c.send([]byte(nonce)); err != nil {
		return err
	}
	s, err := c.text()
	if err != nil {
		return err
	}
	w, more, err := digestWords(s, 4)
	if err != nil {
		return err
	}
	user := w[0]
	password := []byte(rand.Text()) // as in challenge
	k, err := c.have(c.template(query("!password")).With(Attr{Name: "user", Value: user}))
	switch {
	case err == nil:
		password = k.secret("!password")
	case err != errNoKey:
		return err
	}
	want, err := digestOf(user, realm, password, nonce, w[2], w[3], more)
	if err != nil {
		return err
	}
	if right := subtle.ConstantTimeCompare([]byte(want), []byte(w[1])) == 1; k == nil || !right {
		if k != nil {
			c.drop(k)
		}
		c.f.logf("%d: httpdigest: %s: wrong response", c.n, quoteLog(user))
		if err := c.send([]byte("bad")); err != nil {
			return err
		}
		return errRefused
	}
	c.info = &AuthInfo{Cuid: user, Suid: user}
	return c.send([]byte("ok"))
}
