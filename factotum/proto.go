package factotum

import (
	"fmt"
	"strings"

	"ninespace/srv"
)

// A proto is a line of the table of protocols. A role's function is the protocol, as
// one side of it speaks: it returns when that is over, with an error if it was not well.
type proto struct {
	name  string
	roles []role
	needs string                          // what a key has to have, as a template
	key   func(f *Factotum, k *key) error // makes k.data of a new key; nil: there are no keys
}

type role struct {
	name string
	run  func(*conv) error
}

// plain is for keys that are used as they are.
func plain(*Factotum, *key) error { return nil }

// protos is the table. To add a protocol, write its file and add its line.
func protos() []proto {
	return []proto{
		{"apop", []role{{"client", apopClient}, {"server", apopServer}}, "user? !password?", plain},
		{"cram", []role{{"client", cramClient}, {"server", cramServer}}, "user? !password?", plain},
		{"dp9ik", []role{{"client", dp9ikClient}, {"server", dp9ikServer}, {speakfor, dp9ikClient}}, "user? dom? !password?", dp9ikKey},
		{"httpdigest", []role{{"client", digestClient}, {"server", digestServer}}, "user? realm? !password?", plain},
		{"p9any", []role{{"client", p9anyClient}, {"server", p9anyServer}, {speakfor, p9anyClient}}, "", nil},
		{"pass", []role{{"client", passClient}}, "user? !password?", plain},
		{"ssh", []role{{"sign", sshSign}, {"public", sshPublic}}, "!key?", sshKeyData},
		{"tls", []role{{"client", tlsSign}, {"server", tlsSign}}, "", nil},
		{"totp", []role{{"client", totpClient}, {"server", totpServer}}, "!secret?", totpKey},
	}
}

// refused are protocols that there could be and are not, with the reason.
var refused = [...][2]string{
	{"p9sk1", "its DES keys of 56 bits and tickets can be searched through; use dp9ik"},
	{"p9sk2", "as p9sk1 it rests on DES, and the server does not prove itself; use dp9ik"},
	{"p9cr", "it rests on DES; use dp9ik"},
	{"mschap", "it rests on DES and MD4"},
}

// proto finds a protocol.
func (f *Factotum) proto(name string) (*proto, error) {
	if name == "" {
		return nil, invalid("no proto=")
	}
	for i := range f.protos {
		if f.protos[i].name == name {
			return &f.protos[i], nil
		}
	}
	for _, r := range refused {
		if r[0] == name {
			return nil, invalid("protocol " + name + " is refused: " + r[1])
		}
	}
	return nil, invalid("unknown protocol " + srv.Quote(name))
}

// role finds one of the protocol's roles; a protocol of one role need not be told it.
func (p *proto) role(name string) func(*conv) error {
	for _, r := range p.roles {
		if r.name == name || name == "" && len(p.roles) == 1 {
			return r.run
		}
	}
	return nil
}

func (p *proto) roleNames() string {
	var names []string
	for _, r := range p.roles {
		names = append(names, r.name)
	}
	return strings.Join(names, ", ")
}

// prompt is needs as attributes.
func (p *proto) prompt() Attrs {
	a, _ := ParseAttrs(p.needs)
	return a
}

// check makes sure that a new key has what it needs.
func (f *Factotum) check(p *proto, k *key) error {
	all := k.all()
	for _, at := range p.prompt() {
		if !all.matches(Attrs{at}) {
			return invalid("protocol " + p.name + " needs " + at.Name)
		}
		if at.secret() && len(k.secret(at.Name)) == 0 {
			return invalid(at.Name + " is empty")
		}
	}
	return p.key(f, k)
}

func (f *Factotum) protoText() string {
	var b strings.Builder
	for _, p := range f.protos {
		fmt.Fprintf(&b, "%s %s", p.name, strings.ReplaceAll(p.roleNames(), ", ", ","))
		if p.needs != "" {
			fmt.Fprintf(&b, " %s", p.needs)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
