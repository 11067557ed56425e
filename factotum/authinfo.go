package factotum

import (
	"encoding/binary"
)

// AuthInfo is what both sides know when they have authenticated each other, auth(2).
type AuthInfo struct {
	Cuid, Suid string // who the client is at its own side, and at the server's
	Cap        string // a capability for capuse, "" without one
	Secret     []byte // shared by both sides, for keys of the session
}

// append writes it as authinfo's reply has it: four fields, each behind its length in
// two bytes, the lowest first.
func (a *AuthInfo) append(b []byte) []byte {
	for _, s := range []string{a.Cuid, a.Suid, a.Cap, string(a.Secret)} {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b
}

func (a *AuthInfo) wipe() {
	if a != nil {
		clear(a.Secret)
	}
}

func (f *Factotum) authinfo(c *conv) []byte { return c.info.append(nil) }
