package factotum

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
)

// Apop (RFC 1939) and cram (CRAM-MD5, RFC 2195) are one exchange with two digests. The
// server's challenge, random@domain in angle brackets, is answered by a user name and
// by a digest of it and the password; the server then says ok or bad.

func apopClient(c *conv) error { return challenged(c, apopDigest) }
func apopServer(c *conv) error { return challenge(c, apopDigest) }
func cramClient(c *conv) error { return challenged(c, cramDigest) }
func cramServer(c *conv) error { return challenge(c, cramDigest) }

func apopDigest(password []byte, chal string) []byte {
	h := md5.New()
	h.Write([]byte(chal))
	h.Write(password)
	return h.Sum(nil)
}

func cramDigest(password []byte, chal string) []byte {
	h := hmac.New(md5.New, password)
	h.Write([]byte(chal))
	return h.Sum(nil)
}

// challenged is the client: write the challenge, read the user name, read the response
// and write what the server says of it.
func challenged(c *conv, digest func([]byte, string) []byte) error {
	chal, err := c.text()
	if err != nil {
		return err
	}
	k, err := c.key(c.template(c.proto.prompt()...))
	if err != nil {
		return err
	}
	if err := c.send([]byte(k.attrs.Get("user"))); err != nil {
		return err
	}
	if err := c.send([]byte(hex.EncodeToString(digest(k.secret("!password"), chal)))); err != nil {
		return err
	}
	ok, err := c.text()
	if err == nil && ok != "ok" {
		return &badKeyError{template: c.template(c.proto.prompt()...)}
	}
	return err
}

// errRefused is all that somebody learns who could not prove who he is.
var errRefused = errors.New("authentication failed")

// challenge is the server: read the challenge, write the user name, write the
// response, read ok or bad.
func challenge(c *conv, digest func([]byte, string) []byte) error {
	nonce := rand.Text()
	dom := c.attrs.Get("dom")
	if dom == "" {
		dom = "ninespace"
	}
	chal := "<" + nonce + "@" + dom + ">"
	if err := c.send([]byte(chal)); err != nil {
		return err
	}
	user, err := c.text()
	if err != nil {
		return err
	}
	resp, err := c.text()
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(resp)
	if err != nil {
		got = nil
	}
	// Who has no key is told as late, and the same, as who has a wrong one.
	password := []byte(rand.Text())
	k, err := c.have(c.template(query("!password")).With(Attr{Name: "user", Value: user}))
	switch {
	case err == nil:
		password = k.secret("!password")
	case err != errNoKey:
		return err
	}
	if right := subtle.ConstantTimeCompare(got, digest(password, chal)) == 1; k == nil || !right {
		if k != nil {
			c.drop(k) // that somebody guesses says nothing of the key
		}
		c.f.logf("%d: %s: %s: wrong response", c.n, c.proto.name, quoteLog(user))
		if err := c.send([]byte("bad")); err != nil {
			return err
		}
		return errRefused
	}
	c.info = &AuthInfo{Cuid: user, Suid: user}
	return c.send([]byte("ok"))
}
