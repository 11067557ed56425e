package factotum

import (
	"errors"
	"slices"
	"strings"

	"ninespace/srv"
)

// An Attr is one attribute of a key or a template.
type Attr struct {
	Name, Value string
	Query       bool // Name?: a value is asked for, whatever it is
}

// Attrs is a tuple of attributes, of a key or a template, in the order of writing.
type Attrs []Attr

var errQuote = errors.New("unclosed quote") // without the text, which may have a secret

// ParseAttrs reads name=value, name? and name, parted by blanks and quoted as rc(1)
// has it. An error never has the text.
func ParseAttrs(s string) (Attrs, error) {
	if strings.ContainsAny(s, "\x00\n") {
		return nil, errors.New("newline or NUL in attributes")
	}
	words, err := srv.Fields(s)
	if err != nil {
		return nil, errQuote
	}
	a := make(Attrs, 0, len(words))
	for _, w := range words {
		name, value, has := strings.Cut(w, "=")
		at := Attr{Name: name, Value: value}
		if !has {
			at.Name, at.Query = strings.CutSuffix(name, "?")
		}
		if strings.TrimPrefix(at.Name, "!") == "" || strings.ContainsAny(at.Name, " \t\r'?") {
			return nil, errors.New("attribute without a name")
		}
		a = append(a, at)
	}
	return a, nil
}

// String writes the tuple so that ParseAttrs reads it, but for secrets, which are
// written as !name?.
func (a Attrs) String() string {
	var b strings.Builder
	for i, at := range a {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(at.Name)
		switch {
		case at.Query || at.secret():
			b.WriteByte('?')
		case at.Value != "":
			b.WriteByte('=')
			b.WriteString(srv.Quote(at.Value))
		}
	}
	return b.String()
}

func (at Attr) secret() bool { return strings.HasPrefix(at.Name, "!") }

// Get gives the first value of that name, "" without one.
func (a Attrs) Get(name string) string {
	for _, at := range a {
		if at.Name == name && !at.Query {
			return at.Value
		}
	}
	return ""
}

// Has reports whether there is a value of that name, even an empty one.
func (a Attrs) Has(name string) bool {
	return slices.ContainsFunc(a, func(at Attr) bool { return at.Name == name && !at.Query })
}

// Without gives the tuple without some names.
func (a Attrs) Without(names ...string) Attrs {
	var b Attrs
	for _, at := range a {
		if !slices.Contains(names, at.Name) {
			b = append(b, at)
		}
	}
	return b
}

// With gives the tuple with attributes in place of what it has by those names; one
// that only asks for a value gives way to a value that is there.
func (a Attrs) With(more ...Attr) Attrs {
	b := slices.Clone(a)
	for _, m := range more {
		i := slices.IndexFunc(b, func(at Attr) bool { return at.Name == m.Name })
		switch {
		case i < 0:
			b = append(b, m)
		case !m.Query:
			b[i] = m
		}
	}
	return b
}

// matches reports whether a tuple of a key's has what the template asks.
func (a Attrs) matches(template Attrs) bool {
	for _, want := range template {
		if !slices.ContainsFunc(a, func(at Attr) bool {
			return at.Name == want.Name && (want.Query || at.Value == want.Value)
		}) {
			return false
		}
	}
	return true
}

// same reports whether two tuples have the same attributes in any order.
func (a Attrs) same(b Attrs) bool {
	return len(a) == len(b) && a.matches(b) && b.matches(a)
}

// query is a template's name?.
func query(name string) Attr { return Attr{Name: name, Query: true} }
