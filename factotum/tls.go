package factotum

import (
	"strings"

	"ninespace/factotum/sshkey"
)

// Proto tls proves who one is in TLS 1.3, by a key of proto ssh. What is written is what
// CertificateVerify signs, RFC 8446, 4.4.3; what is read then is the signature. Other than
// ssh's role=sign it signs nothing but that, and as client or server no more than its role
// is: who may only use keys with role=server can't be a client by them, nor log in with ssh.

// tlsContext is what the content of a role begins with; the hash of the handshake follows.
func tlsContext(role string) string {
	return strings.Repeat(" ", 64) + "TLS 1.3, " + role + " CertificateVerify\x00"
}

func tlsSign(c *conv) error {
	content, err := c.text()
	if err != nil {
		return err
	}
	hash, ok := strings.CutPrefix(content, tlsContext(c.attrs.Get("role")))
	if n := len(hash); !ok || n != 32 && n != 48 { // SHA-256's, SHA-384's
		return invalid("not what TLS 1.3 has a " + c.attrs.Get("role") + " sign")
	}
	k, err := c.key(c.attrs.With(Attr{Name: "proto", Value: "ssh"}, query("!key")))
	if err != nil {
		return err
	}
	d := k.data.(*sshData)
	if d.routes != nil {
		return errRouted
	}
	if d.Type == sshkey.RSA {
		return invalid("only Ed25519 and ECDSA keys sign for TLS")
	}
	sig, err := d.SignRaw([]byte(content))
	if err != nil {
		return err
	}
	return c.send(sig)
}
