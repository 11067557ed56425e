package factotum

import (
	"context"
	"encoding/binary"

	"ninespace/factotum/capfs"
)

// AuthInfo is what both sides know when they have authenticated each other, auth(2).
type AuthInfo struct {
	Cuid, Suid string // who the client is at its own side, and at the server's
	Cap        string // a capability for capuse, "" without one
	Secret     []byte // shared by both sides, for keys of the session

	dom string // of Suid, where the server has to say who that is here
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

// authinfo gives it, and to a server, where there is a broker, a capability to become
// whoever Suid of the domain is here.
func (f *Factotum) authinfo(ctx context.Context, c *conv) []byte {
	if a := c.info; f.cfg.Caphash != nil && a.Cap == "" && a.dom != "" && a.Suid != "" {
		capability, hash := capfs.New(c.user.name, a.Suid+"@"+a.dom)
		if err := f.cfg.Caphash(ctx, hash); err != nil {
			f.logf("%d: no capability for %s@%s: %v", c.n, quoteLog(a.Suid), a.dom, err)
		} else {
			a.Cap = capability
		}
	}
	return c.info.append(nil)
}
