package factotum

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A totpData is what is known of a key for one-time passwords by the clock, RFC 6238:
// attributes digits (6), period (30 seconds) and algorithm (SHA1), as otpauth has them;
// !secret is in base32.
type totpData struct {
	hash   func() hash.Hash
	digits int
	period int64

	mu   sync.Mutex
	last uint64 // the latest step that was accepted: each is, once
}

func totpKey(k *key) error {
	d := &totpData{hash: sha1.New, digits: 6, period: 30}
	var err error
	if s := k.attrs.Get("digits"); s != "" {
		if d.digits, err = strconv.Atoi(s); err != nil || d.digits < 6 || d.digits > 9 {
			return invalid("digits is not 6 to 9")
		}
	}
	if s := k.attrs.Get("period"); s != "" {
		if d.period, err = strconv.ParseInt(s, 10, 32); err != nil || d.period < 1 {
			return invalid("period is no number of seconds")
		}
	}
	switch strings.ToUpper(k.attrs.Get("algorithm")) {
	case "", "SHA1":
	case "SHA256":
		d.hash = sha256.New
	case "SHA512":
		d.hash = sha512.New
	default:
		return invalid("algorithm is not SHA1, SHA256 or SHA512")
	}
	if b, err := totpSecret(k); err != nil {
		return err
	} else {
		clear(b)
	}
	k.data = d
	return nil
}

// totpSecret decodes the secret, in either case, with blanks and padding or without.
func totpSecret(k *key) ([]byte, error) {
	s := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(string(k.secret("!secret"))))
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(b) == 0 {
		return nil, invalid("!secret is not in base32")
	}
	return b, nil
}

// code is the password of a step, RFC 4226.
func (d *totpData) code(secret []byte, step uint64) string {
	h := hmac.New(d.hash, secret)
	h.Write(binary.BigEndian.AppendUint64(nil, step))
	sum := h.Sum(nil)
	n := uint64(binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff)
	mod := uint64(1)
	for range d.digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", d.digits, n%mod)
}

func (d *totpData) step(now time.Time) uint64 { return uint64(now.Unix() / d.period) }

// now is a variable for the RFC's vectors.
var now = time.Now

// totpClient gives the password of the moment in one read.
func totpClient(c *conv) error {
	k, err := c.key(c.template(c.proto.prompt()...))
	if err != nil {
		return err
	}
	b, err := totpSecret(k)
	if err != nil {
		return err
	}
	defer clear(b)
	d := k.data.(*totpData)
	return c.send([]byte(d.code(b, d.step(now()))))
}

// totpServer takes a password: this moment's, the one before or the one after, and
// none twice (RFC 6238, 5.2).
func totpServer(c *conv) error {
	k, err := c.key(c.template(c.proto.prompt()...))
	if err != nil {
		return err
	}
	got, err := c.text()
	if err != nil {
		return err
	}
	b, err := totpSecret(k)
	if err != nil {
		return err
	}
	defer clear(b)
	d := k.data.(*totpData)
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.step(now())
	right := uint64(0)
	for s := t - 1; s <= t+1; s++ {
		if subtle.ConstantTimeCompare([]byte(d.code(b, s)), []byte(got)) == 1 && s > d.last {
			right = s
		}
	}
	if right == 0 {
		c.drop(k)
		return errRefused
	}
	d.last = right
	user := k.attrs.Get("user")
	c.info = &AuthInfo{Cuid: user, Suid: user}
	return nil
}
