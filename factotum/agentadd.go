package factotum

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"ninespace/factotum/sshkey"
)

// add adds a key. One whose private part is elsewhere (sk-) is the other agent's.
func (s *agentConn) add(r *sshkey.Reader, bound bool, m []byte) ([]byte, error) {
	start := r.B
	if typ := (&sshkey.Reader{B: start}).String(); strings.HasPrefix(typ, "sk-") {
		return s.pass(m)
	}
	priv, err := sshkey.ParsePrivate(r)
	if err != nil {
		return nil, err
	}
	if _, shares := priv.Signer.(ed25519.PrivateKey); !shares { // the message's bytes, which are wiped later
		defer priv.Wipe()
	}
	wire := start[:len(start)-len(r.B)]
	comment := r.String()
	var more Attrs
	var life time.Duration
	for r.Err == nil && len(r.B) > 0 {
		switch kind := r.Byte(); {
		case !bound:
			return nil, sshkey.ErrFormat
		case kind == boundLife:
			life = time.Duration(r.Uint32()) * time.Second
			if life == 0 {
				return nil, errors.New("lifetime of 0")
			}
		case kind == boundConfirm:
			more = more.With(Attr{Name: "confirm"})
		case kind == boundExtension:
			name := r.String()
			if restrict := r.Bytes(); name == extensionRestrict && !more.Has("restrict") {
				more = more.With(Attr{Name: "restrict", Value: base64.StdEncoding.EncodeToString(restrict)})
			} else {
				return nil, fmt.Errorf("constraint %s is not known, or twice", quoteLog(name))
			}
		default: // what isn't understood can't be kept to
			return nil, fmt.Errorf("constraint %d is not known", kind)
		}
	}
	if r.Err != nil {
		return nil, r.Err
	}
	if strings.ContainsAny(comment, "\n\x00") {
		comment = ""
	}
	return nil, s.a.f.AddSSH(wire, comment, more, life)
}

var errExtension = errors.New("extension refused")

// extension does session-bind, which says over which connection of ssh a signature is
// asked for: only the host that holds the key can have signed that connection's name.
func (s *agentConn) extension(r *sshkey.Reader, m []byte) ([]byte, error) {
	if name := r.String(); name != extensionBind {
		return s.pass(m)
	}
	host, session, sig, forwarded := r.Bytes(), r.Bytes(), r.Bytes(), r.Byte() != 0
	if err := r.End(); err != nil {
		s.badBind = true
		return nil, fmt.Errorf("%w: %w", errExtension, err)
	}
	if err := s.bind(host, session, sig, forwarded); err != nil {
		s.badBind = true
		return nil, fmt.Errorf("%w: session-bind: %w", errExtension, err)
	}
	s.pass(m)
	return nil, nil
}

// bind takes down a session; what was bound for a login is followed by none.
func (s *agentConn) bind(host, session, sig []byte, forwarded bool) error {
	pub, err := sshkey.ParsePublic(bytes.Clone(host)) // the message is wiped
	if err == nil {
		err = pub.Verify(session, sig)
	}
	if err != nil {
		return err
	}
	for _, b := range s.binds {
		switch {
		case bytes.Equal(b.session, session):
			if bytes.Equal(b.host.Blob, pub.Blob) {
				return nil
			}
			return errors.New("a session of two hosts")
		case !b.forwarded:
			return errors.New("a session behind that of a login")
		}
	}
	if len(s.binds) == maxBinds {
		return errors.New("bound too often")
	}
	s.binds = append(s.binds, bind{pub, bytes.Clone(session), forwarded})
	s.a.f.logf("ssh-agent: session of host %s", pub.Fingerprint())
	return nil
}
