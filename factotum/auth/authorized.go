package auth

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ninespace/factotum/sshkey"
)

// AuthorizedKeys is the text of an authorized_keys file, sshd(8): who may come in.
type AuthorizedKeys []byte

// A Grant is what a key may do that may come in.
type Grant struct {
	Command  string // command=, or a certificate's force-command: run this and nothing else
	Restrict bool   // restrict, or no-pty: no terminal, no forwarding
	Line     int
}

// ErrNotAuthorized refuses a key, and says no more.
var ErrNotAuthorized = errors.New("key is not authorized")

// A Hint refuses a key as ErrNotAuthorized does, and says what one who has proved to have it
// may know besides.
type Hint string

func (h Hint) Error() string { return ErrNotAuthorized.Error() + ": " + string(h) }

// Is makes it one of ErrNotAuthorized.
func (Hint) Is(err error) bool { return err == ErrNotAuthorized }

// Told is the text of an error that is ErrNotAuthorized for who has proved the key: a Hint's, if
// there is one, and no more than that it is refused otherwise.
func Told(err error) string {
	var h Hint
	if errors.As(err, &h) {
		return h.Error()
	}
	return ErrNotAuthorized.Error()
}

// flags are options that are understood and either change nothing here or take away what
// we do not give anyway.
var flags = [...]string{"agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding", "no-agent-forwarding", "no-port-forwarding", "no-pty", "no-user-rc", "no-x11-forwarding", "restrict", "cert-authority"}

// Check looks for a key: for a certificate, for the authority that signed it, with user
// (or one of principals=) among those it is for. A line with an option that is not
// known, or that does not let it in now and from there, lets nobody in.
// why is for the log.
func (a AuthorizedKeys) Check(key *sshkey.Public, user string, from netip.Addr, at time.Time) (g *Grant, why error) {
	why = errors.New("no line has the key")
	for n := 1; len(a) > 0; n++ {
		var line []byte
		line, a, _ = bytes.Cut(a, []byte("\n"))
		opts, pub, err := parseLine(string(line))
		if err != nil {
			why = fmt.Errorf("line %d: %w", n, err)
			continue
		}
		if pub == nil {
			continue
		}
		_, ca := opts["cert-authority"]
		if ca && (key.Cert == nil || !pub.Equal(key.Cert.CA)) || !ca && !pub.Equal(key) {
			continue
		}
		g, err := grant(opts, key, ca, user, from, at)
		if err == nil {
			g.Line = n
			return g, nil
		}
		why = fmt.Errorf("line %d: %w", n, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNotAuthorized, why)
}

func grant(opts map[string]string, key *sshkey.Public, ca bool, user string, from netip.Addr, at time.Time) (*Grant, error) {
	g := new(Grant)
	for name, value := range opts {
		switch {
		case name == "from":
			if !from.IsValid() || !listed(value, from.Unmap().String(), from) {
				return nil, errors.New("not from this address")
			}
		case name == "command":
			g.Command = value
		case name == "expiry-time":
			end, err := expiry(value)
			if err != nil {
				return nil, err
			}
			if !at.Before(end) {
				return nil, errors.New("key expired")
			}
		case name == "principals" && ca:
		case name == "restrict", name == "no-pty":
			g.Restrict = true
		case !slices.Contains(flags[:], name):
			return nil, fmt.Errorf("option %s is not known", name)
		}
	}
	if !ca {
		return g, nil
	}
	names := []string{user}
	if p, ok := opts["principals"]; ok {
		names = strings.Split(p, ",")
	}
	err := errors.New("certificate is for nobody")
	for _, name := range names {
		if err = key.Cert.Check(sshkey.UserCert, name, at, "force-command", "source-address"); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if s, ok := key.Cert.Critical["source-address"]; ok && (!from.IsValid() || !listed(s, from.Unmap().String(), from)) {
		return nil, errors.New("certificate is not for this address")
	}
	if s, ok := key.Cert.Critical["force-command"]; ok {
		if g.Command != "" && g.Command != s {
			return nil, errors.New("certificate and line force different commands")
		}
		g.Command = s
	}
	return g, nil
}

// expiry reads YYYYMMDD[HHMM[SS]][Z].
func expiry(s string) (time.Time, error) {
	loc := time.Local
	if z, ok := strings.CutSuffix(s, "Z"); ok {
		s, loc = z, time.UTC
	}
	layout, ok := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(s)]
	if !ok {
		return time.Time{}, errors.New("malformed expiry-time")
	}
	t, err := time.ParseInLocation(layout, s, loc)
	if err != nil {
		return t, errors.New("malformed expiry-time")
	}
	return t, nil
}

// parseLine reads [options] type key [comment]. Names of options are in lower case. An
// empty line or comment has a nil key.
func parseLine(line string) (map[string]string, *sshkey.Public, error) {
	line = strings.Trim(line, " \t\r")
	if line == "" || line[0] == '#' {
		return nil, nil, nil
	}
	if k, err := parseKey(line); err == nil {
		return nil, k, nil
	}
	opts := map[string]string{}
	for {
		n := strings.IndexAny(line, "=, \t")
		if n <= 0 {
			return nil, nil, errors.New("malformed options")
		}
		name, value := strings.ToLower(line[:n]), ""
		if line = line[n:]; line[0] == '=' {
			var err error
			if value, line, err = quoted(line[1:]); err != nil {
				return nil, nil, err
			}
		}
		if _, twice := opts[name]; twice {
			return nil, nil, fmt.Errorf("option %s twice", name)
		}
		opts[name] = value
		if line == "" {
			return nil, nil, errors.New("no key")
		}
		if line[0] != ',' {
			break
		}
		line = line[1:]
	}
	k, err := parseKey(strings.TrimLeft(line, " \t"))
	return opts, k, err
}

// quoted reads "value", in which \" is a quote.
func quoted(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", errors.New("option without quotes")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			b.WriteByte('"')
			i++
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("unclosed quote")
}

// parseKey reads type key [comment].
func parseKey(s string) (*sshkey.Public, error) {
	f := strings.Fields(s)
	if len(f) < 2 {
		return nil, errors.New("no key")
	}
	blob, err := base64.StdEncoding.DecodeString(f[1])
	if err != nil {
		return nil, errors.New("malformed key")
	}
	k, err := sshkey.ParsePublic(blob)
	if err != nil {
		return nil, err
	}
	if r := (&sshkey.Reader{B: blob}); r.String() != f[0] {
		return nil, errors.New("key of another type than said")
	}
	return k, nil
}
