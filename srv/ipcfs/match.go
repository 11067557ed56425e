package ipcfs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A try is the matching of one message against one rule set.
type try struct {
	m         message // with what the set has changed
	sub       []string
	file, dir string
	sel       []int // the bytes that a click means, in the data as it came
	set       bool  // the data was set since
}

// match gives the message as the first rule set that fits has it, and that set; nil if
// none does.
func (r *rules) match(m *message) (*try, *ruleSet) {
	for i := range r.sets {
		if s := &r.sets[i]; m.dst == "" || m.dst == s.port {
			if t := s.match(m); t != nil {
				return t, s
			}
		}
	}
	return nil, nil
}

func (s *ruleSet) match(m *message) *try {
	t := &try{m: *m}
	for i := range s.patterns {
		if !t.pattern(&s.patterns[i]) {
			return nil
		}
	}
	if t.sel != nil {
		if !t.set {
			t.m.data = m.data[t.sel[0]:t.sel[1]]
		}
		t.m.del("click")
	}
	if s.port != "" {
		t.m.dst = s.port
	}
	return t
}

// field gives what an object is in the message; nil for what cannot be set.
func (t *try) field(object string) *string {
	switch object {
	case "data":
		return &t.m.data
	case "dst":
		return &t.m.dst
	case "src":
		return &t.m.src
	case "type":
		return &t.m.typ
	case "wdir":
		return &t.m.wdir
	}
	return nil
}

func (t *try) object(name, arg string) string {
	switch name {
	case "arg":
		return arg
	case "attr":
		return attrText(t.m.attr)
	case "ndata":
		return strconv.Itoa(len(t.m.data))
	}
	return *t.field(name)
}

func (t *try) pattern(p *pattern) bool {
	arg := t.value(p.arg)
	switch p.verb {
	case "add":
		t.m.attr = append(slices.Clip(t.m.attr), t.attributes(p.words)...)
		return true
	case "delete":
		t.m.del(arg)
		return true
	case "set":
		if p.object == "attr" {
			t.m.attr = t.attributes(p.words)
			return true
		}
		if p.object != "data" {
			arg = firstLine(arg)
		}
		*t.field(p.object) = arg
		t.set = t.set || p.object == "data"
		return true
	}
	text := t.object(p.object, arg)
	switch p.verb {
	case "is":
		return text == arg
	case "isdir", "isfile":
		name := t.name(text)
		fi, err := os.Stat(name)
		if err != nil || text == "" || fi.IsDir() != (p.verb == "isdir") {
			return false
		}
		if fi.IsDir() {
			t.dir = name
		} else {
			t.file = name
		}
		return true
	}
	return t.matches(p, text)
}

// attributes makes those that words name; what is no name=value is none. The parts of
// a message are lines, so a value ends with its first.
func (t *try) attributes(words []text) (attr []attribute) {
	for _, w := range words {
		name, value, ok := strings.Cut(t.value(w), "=")
		if ok && name != "" {
			attr = append(attr, attribute{name, firstLine(value)})
		}
	}
	return attr
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// matches finds what a regular expression matches, of data with a click within that.
func (t *try) matches(p *pattern, text string) bool {
	var at []int
	if click, ok := t.click(text); ok && p.object == "data" && !t.set {
		at = around(p.re, text, click)
		if at == nil || t.sel != nil && !slices.Equal(t.sel, at[:2]) {
			return false
		}
		t.sel = at[:2]
	} else if at = whole(p.re, text); at == nil {
		return false
	}
	t.sub = nil
	for i := 0; i < len(at); i += 2 {
		if at[i] < 0 {
			t.sub = append(t.sub, "")
		} else {
			t.sub = append(t.sub, text[at[i]:at[i+1]])
		}
	}
	return true
}

// click gives the attribute click, in characters, as an offset in bytes.
func (t *try) click(text string) (int, bool) {
	s, ok := t.m.get("click")
	n, err := strconv.Atoi(s)
	if !ok || err != nil || n < 0 {
		return 0, false
	}
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at, n == 0
}

// name makes a file's name absolute.
func (t *try) name(s string) string {
	if filepath.IsAbs(s) {
		return filepath.Clean(s)
	}
	return filepath.Join("/", t.m.wdir, s)
}

// value puts the message's variables in.
func (t *try) value(x text) string {
	var b strings.Builder
	for _, p := range x {
		b.WriteString(p.lit)
		switch v := p.variable; v {
		case "":
		case "attr", "data", "dst", "ndata", "src", "type", "wdir":
			b.WriteString(t.object(v, ""))
		case "dir", "file":
			name := t.file
			if v == "dir" {
				name = t.dir
			}
			if name == "" {
				name = t.name(t.m.data)
			}
			b.WriteString(name)
		default:
			if i := int(v[0] - '0'); i < len(t.sub) {
				b.WriteString(t.sub[i])
			}
		}
	}
	return b.String()
}
