package factotum

import (
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

// An sshData is a key that is parsed. Package crypto/ed25519 wants its keys in Go's own
// memory, so that is where they are while they are here.
type sshData struct {
	*sshkey.Private
	mem    []byte
	routes []route // where it may be used; nil: everywhere
}

// errRouted refuses a use of which it can't be seen where it is for.
var errRouted = errors.New("the key is for logins at its destinations only, by the ssh-agent")

func (d *sshData) wipe() {
	clear(d.mem)
	d.Private.Wipe()
}

func sshKeyData(_ *Factotum, k *key) error {
	wire, err := base64.StdEncoding.AppendDecode(nil, k.secret("!key"))
	if err != nil {
		return invalid("!key is not in base64")
	}
	r := &sshkey.Reader{B: wire}
	priv, err := sshkey.ParsePrivate(r)
	if err == nil && r.End() != nil {
		err = sshkey.ErrFormat
	}
	if err != nil {
		clear(wire)
		return invalid("!key: " + err.Error())
	}
	// The blob of a certificate lies within what is wiped.
	blob := append([]byte(nil), priv.Blob...)
	pub, err := sshkey.ParsePublic(blob)
	if err != nil {
		clear(wire)
		return err
	}
	priv.Public = *pub
	d := &sshData{Private: priv, mem: wire}
	if k.attrs.Has("restrict") {
		if d.routes, err = parseRoutes(k.attrs.Get("restrict")); err != nil {
			d.wipe()
			return invalid("restrict: " + err.Error())
		}
	}
	k.data = d
	k.attrs = k.attrs.With(Attr{Name: "type", Value: priv.Type}, Attr{Name: "fp", Value: priv.Fingerprint()},
		Attr{Name: "pub", Value: base64.StdEncoding.EncodeToString(blob)})
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
	r := &sshkey.Reader{B: append([]byte(nil), wire...)}
	priv, err := sshkey.ParsePrivate(r)
	if err != nil {
		return err
	}
	pub := base64.StdEncoding.EncodeToString(priv.Blob)
	clear(r.B)
	f.delSSH(pub)
	a := Attrs{{Name: "proto", Value: "ssh"}}
	if comment != "" {
		a = append(a, Attr{Name: "comment", Value: comment})
	}
	a = append(append(a, more...), Attr{Name: "!key", Value: base64.StdEncoding.EncodeToString(wire)})
	return f.AddKey(a, lifetime)
}

// delSSH deletes the keys of ssh with a public key, or all of them.
func (f *Factotum) delSSH(pub string) int {
	return f.ring.del(func(k *key) bool {
		return k.proto.name == "ssh" && (pub == "" || k.attrs.Get("pub") == pub)
	})
}
