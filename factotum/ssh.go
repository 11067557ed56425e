package factotum

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"

	"ninespace/factotum/sshkey"
)

// Proto ssh has the private keys of ssh. A key's !key is the key as OpenSSH's files have
// it within, in base64; what is public of it is told as type, fp (the fingerprint) and pub
// (as in a .pub file). Roles:
//
//	public  each read gives one public key, in bytes as they go over the wire
//	sign    write what is to be signed, read the signature; algorithm=rsa-sha2-256 where it
//	        is not to be rsa-sha2-512

// An sshData is a key that is parsed. The private part is in memory of its own, the key's
// !key, and in Go's only while something is signed: package crypto/ed25519 takes its keys
// nowhere else. An RSA key is there all the time, since it takes milliseconds to make ready.
type sshData struct {
	sshkey.Public
	text   []byte          // of !key
	rsa    *sshkey.Private // nil: it is none
	routes []route         // where it may be used; nil: everywhere
}

// Sign is sshkey.Private's.
func (d *sshData) Sign(data []byte, algorithm string) ([]byte, error) {
	return d.use(func(p *sshkey.Private) ([]byte, error) { return p.Sign(data, algorithm) })
}

// SignRaw is sshkey.Private's.
func (d *sshData) SignRaw(data []byte) ([]byte, error) {
	return d.use(func(p *sshkey.Private) ([]byte, error) { return p.SignRaw(data) })
}

// use has the private key be there for a moment. The key is held.
func (d *sshData) use(sign func(*sshkey.Private) ([]byte, error)) ([]byte, error) {
	if d.rsa != nil {
		return sign(d.rsa)
	}
	wire := make([]byte, base64.StdEncoding.DecodedLen(len(d.text)))
	defer clear(wire)
	n, err := base64.StdEncoding.Decode(wire, d.text)
	if err != nil {
		return nil, err
	}
	p, err := sshkey.Again(wire[:n], &d.Public)
	if err != nil {
		return nil, err
	}
	defer p.Wipe()
	return sign(p)
}

// errRouted refuses a use of which it can't be seen where it is for.
var errRouted = errors.New("the key is for logins at its destinations only, by the ssh-agent")

func (d *sshData) wipe() {
	if d.rsa != nil {
		d.rsa.Wipe()
	}
}

func sshKeyData(_ *Factotum, k *key) error {
	d := &sshData{text: k.secret("!key")}
	wire := make([]byte, base64.StdEncoding.DecodedLen(len(d.text)))
	defer clear(wire)
	n, err := base64.StdEncoding.Decode(wire, d.text)
	if err != nil {
		return invalid("!key is not in base64")
	}
	r := &sshkey.Reader{B: wire[:n]}
	priv, err := sshkey.ParsePrivate(r)
	if err == nil && r.End() != nil {
		err = sshkey.ErrFormat
	}
	if err != nil {
		return invalid("!key: " + err.Error())
	}
	// The blob of a certificate lies within what is wiped.
	pub, err := sshkey.ParsePublic(bytes.Clone(priv.Blob))
	if err != nil {
		return err
	}
	if d.Public = *pub; d.Type == sshkey.RSA {
		priv.Public = *pub
		d.rsa = priv
	} else {
		defer priv.Wipe()
	}
	if k.attrs.Has("restrict") {
		if d.routes, err = parseRoutes(k.attrs.Get("restrict")); err != nil {
			d.wipe()
			return invalid("restrict: " + err.Error())
		}
	}
	k.data = d
	k.attrs = k.attrs.With(Attr{Name: "type", Value: d.Type}, Attr{Name: "fp", Value: d.Fingerprint()},
		Attr{Name: "pub", Value: base64.StdEncoding.EncodeToString(d.Blob)})
	return nil
}

func sshPublic(c *conv) error {
	for _, k := range c.f.ring.find(c.user, c.template().Without("role"), false) {
		d := k.data.(*sshData)
		k.release()
		if d.routes != nil {
			continue
		}
		if err := c.send(d.Blob); err != nil {
			return err
		}
	}
	return nil
}

func sshSign(c *conv) error {
	algorithm := c.attrs.Get("algorithm")
	c.attrs = c.attrs.Without("algorithm")
	data, err := c.text()
	if err != nil {
		return err
	}
	k, err := c.key(c.template(c.proto.prompt()...).Without("role"))
	if err != nil {
		return err
	}
	d := k.data.(*sshData)
	if d.routes != nil {
		return errRouted
	}
	sig, err := d.Sign([]byte(data), algorithm)
	if err != nil {
		return err
	}
	return c.send(sig)
}

// AddSSH adds a private key, as sshkey.ParsePrivate takes it, in place of the same one.
func (f *Factotum) AddSSH(wire []byte, comment string, more Attrs, lifetime time.Duration) error {
	mine := bytes.Clone(wire)
	defer clear(mine)
	priv, err := sshkey.ParsePrivate(&sshkey.Reader{B: mine})
	if err != nil {
		return err
	}
	pub := base64.StdEncoding.EncodeToString(priv.Blob)
	priv.Wipe()
	f.delSSH(pub)
	a := Attrs{{Name: "proto", Value: "ssh"}}
	if comment != "" {
		a = append(a, Attr{Name: "comment", Value: comment})
	}
	text := make([]byte, base64.StdEncoding.EncodedLen(len(wire)))
	base64.StdEncoding.Encode(text, wire)
	return f.addKeys(append(a, more...), map[string][]byte{"!key": text}, lifetime)
}

// delSSH deletes the keys of ssh with a public key, or all of them.
func (f *Factotum) delSSH(pub string) int {
	return f.ring.del(func(k *key) bool {
		return k.proto.name == "ssh" && (pub == "" || k.attrs.Get("pub") == pub)
	})
}
