package factotum

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"

	"ninespace/factotum/sshkey"
)

// Keys may be restricted to destinations, ssh-add(1)'s -h: to logins at hosts, and by way
// of hosts to which the agent is forwarded. It is OpenSSH's restrict-destination-v00; the
// key's attribute restrict= has it as it came, in base64.

// A route lets a key be used by a host (from) for a login at another (to).
type route struct{ from, to hop }

// A hop is a host by its keys, and the user there. A from without keys is this machine.
type hop struct {
	user, host string // user is a pattern, "" any
	keys       []hopKey
}

type hopKey struct {
	*sshkey.Public
	ca bool // it signs the host's certificate
}

const maxRoutes, maxHopKeys = 1024, 1024

var errRoute = errors.New("malformed destinations")

func parseRoutes(text string) ([]route, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errRoute
	}
	routes := []route{}
	for all := (&sshkey.Reader{B: b}); len(all.B) > 0; {
		r := &sshkey.Reader{B: all.Bytes()}
		from, err1 := parseHop(r.Bytes())
		to, err2 := parseHop(r.Bytes())
		reserved := r.Bytes()
		if all.Err != nil || r.End() != nil || err1 != nil || err2 != nil || len(reserved) > 0 || len(routes) == maxRoutes {
			return nil, errRoute
		}
		// From nowhere is from here; from any user of a host is all that the agent can see.
		if (from.host == "") != (len(from.keys) == 0) || from.user != "" || to.host == "" || len(to.keys) == 0 {
			return nil, errRoute
		}
		routes = append(routes, route{from, to})
	}
	if len(routes) == 0 {
		return nil, errRoute
	}
	return routes, nil
}

func parseHop(b []byte) (h hop, err error) {
	r := &sshkey.Reader{B: b}
	h.user, h.host = r.String(), r.String()
	reserved := r.Bytes()
	for r.Err == nil && len(r.B) > 0 && len(h.keys) < maxHopKeys {
		k, err := sshkey.ParsePublic(r.Bytes())
		if err != nil {
			return h, errRoute
		}
		h.keys = append(h.keys, hopKey{k, r.Byte() != 0})
	}
	if r.End() != nil || len(reserved) > 0 {
		return h, errRoute
	}
	return h, nil
}

// is tells whether a host's key is the hop's.
func (h *hop) is(key *sshkey.Public) bool {
	for _, k := range h.keys {
		switch {
		case !k.ca:
			if bytes.Equal(k.Blob, key.Blob) {
				return true
			}
		case key.Cert != nil && bytes.Equal(k.Blob, key.Cert.CA.Blob):
			if key.Cert.Check(sshkey.HostCert, h.host, time.Now()) == nil {
				return true
			}
		}
	}
	return false
}

// permitted tells whether there is a route from a host, this machine where nil, to
// another, any where nil, as a user, any where "".
func permitted(routes []route, from, to *sshkey.Public, user string) bool {
	for _, r := range routes {
		switch {
		case from == nil && len(r.from.keys) > 0, from != nil && !r.from.is(from):
		case to != nil && !r.to.is(to):
		case r.to.user != "" && user != "" && !sshkey.Match(r.to.user, user):
		default:
			return true
		}
	}
	return false
}

// A bind is a session of ssh over which the agent is asked: session-bind says so.
type bind struct {
	host      *sshkey.Public
	session   []byte
	forwarded bool // the agent is forwarded to the host; else one logs in there
}

// usable tells why a key may not be used over the sessions that are bound: for a login as a
// user at the last one, or to be seen at all where that is "".
func (s *agentConn) usable(d *sshData, user string) error {
	no := errors.New("not a destination of the key")
	switch {
	case d.routes == nil:
		return nil
	case s.badBind && len(s.binds) == 0:
		return errors.New("the session could not be bound")
	case len(s.binds) == 0:
		return nil // by this machine's own user
	}
	var from *sshkey.Public
	for i, b := range s.binds {
		last := i == len(s.binds)-1
		switch {
		case last && b.forwarded && user != "":
			return errors.New("a login over a session that forwards")
		case !last && !b.forwarded:
			return errors.New("forwarded over a session of a login")
		}
		as := ""
		if last {
			as = user
		}
		if !permitted(d.routes, from, b.host, as) {
			return no
		}
		from = b.host
	}
	// At a host that one may only log in to the key is not seen.
	if s.binds[len(s.binds)-1].forwarded && user == "" && !permitted(d.routes, from, nil, "") {
		return no
	}
	return nil
}

// mayLogin tells why a key may not sign what is asked: of a key with destinations that
// has to be a login over the session that was bound last.
func (s *agentConn) mayLogin(d *sshData, data []byte) error {
	if d.routes == nil {
		return nil
	}
	if len(s.binds) == 0 {
		return errors.New("a key with destinations, and no session is bound")
	}
	user, session, host, ok := parseLogin(data, d.Blob)
	if !ok {
		return errors.New("a key with destinations is to sign what is no login")
	}
	if err := s.usable(d, user); err != nil {
		return err
	}
	last := s.binds[len(s.binds)-1]
	switch {
	case !bytes.Equal(session, last.session):
		return errors.New("a login over another session than was bound last")
	case host == nil && len(s.binds) > 1:
		return errors.New("a login that does not name its host, by way of another")
	case host != nil && !bytes.Equal(host, last.host.Blob):
		return errors.New("a login at another host than was bound last")
	}
	return nil
}

// parseLogin reads what is signed to log in by a key, RFC 4252, 7, and, with the host's
// key at the end, OpenSSH's PROTOCOL, publickey-hostbound-v00.
func parseLogin(data, blob []byte) (user string, session, host []byte, ok bool) {
	const request = 50 // SSH_MSG_USERAUTH_REQUEST
	r := &sshkey.Reader{B: data}
	session = r.Bytes()
	kind := r.Byte()
	user = r.String()
	service, method := r.String(), r.String()
	signed := r.Byte()
	r.Bytes() // algorithm
	key := r.Bytes()
	switch method {
	case "publickey":
	case "publickey-hostbound-v00@openssh.com":
		host = r.Bytes()
	default:
		return "", nil, nil, false
	}
	ok = r.End() == nil && kind == request && service == "ssh-connection" && signed == 1 && len(session) > 0 && user != "" && bytes.Equal(key, blob)
	return user, session, host, ok
}
