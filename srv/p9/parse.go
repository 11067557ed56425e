package p9

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errText = errors.New("message text")

// ParseText reads a message in text form. Fields may be left out and come in any
// order; what is left out is zero. The form does not tell the dialect: a message
// of either is taken.
func ParseText(line string) (Fcall, error) {
	p := &parser{s: line}
	var f Fcall
	name := p.word()
	f.Type = typeNamed(name)
	if f.Type == 0 {
		return f, fmt.Errorf("%w: unknown message %q", errText, name)
	}
	for p.err == nil {
		name := p.word()
		if name == "" {
			break
		}
		if name == "tag" {
			p.value(&f.Tag)
			continue
		}
		ptr := any(nil)
		for _, fd := range layouts[f.Type].fields {
			if fd.name == name {
				ptr = fd.ptr(&f)
			}
		}
		if ptr == nil {
			p.fail("%s has no field %q", f.Type, name)
			break
		}
		p.value(ptr)
	}
	if p.skip(); p.err == nil && p.s != "" {
		p.fail("unexpected %q", p.s)
	}
	if p.err != nil {
		return Fcall{}, p.err
	}
	return f, nil
}

func typeNamed(name string) Type {
	for t := range layouts {
		if name != "" && layouts[t].name == name {
			return Type(t)
		}
	}
	return 0
}

// A parser takes values from the front of a line. After an error it gives zeros.
type parser struct {
	s   string
	err error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s", errText, fmt.Sprintf(format, args...))
	}
}

func (p *parser) skip() { p.s = strings.TrimLeft(p.s, " \t") }

// next takes a byte of punctuation, if it is next.
func (p *parser) next(c byte) bool {
	p.skip()
	if p.err != nil || p.s == "" || p.s[0] != c {
		return false
	}
	p.s = p.s[1:]
	return true
}

// word takes a bare word, "" where there is none.
func (p *parser) word() string {
	p.skip()
	n := 0
	for n < len(p.s) && isWordByte(p.s[n]) {
		n++
	}
	w := p.s[:n]
	p.s = p.s[n:]
	return w
}

// str takes a bare word or a quoted string.
func (p *parser) str() string {
	p.skip()
	if p.err != nil {
		return ""
	}
	if !strings.HasPrefix(p.s, `"`) {
		w := p.word()
		if w == "" {
			p.fail("a string is missing at %q", p.s)
		}
		return w
	}
	q, err := strconv.QuotedPrefix(p.s)
	if err != nil {
		p.fail("unclosed quote at %q", p.s)
		return ""
	}
	s, _ := strconv.Unquote(q)
	p.s = p.s[len(q):]
	return s
}

func (p *parser) number(bits int) uint64 {
	w := p.word()
	switch w {
	case "notag", "nofid", "nouid":
		return 1<<bits - 1
	}
	return p.uint(w, 0, bits)
}

func (p *parser) uint(w string, base, bits int) uint64 {
	n, err := strconv.ParseUint(w, base, bits)
	if err != nil {
		p.fail("%q is no number of %d bits", w, bits)
	}
	return n
}

func (p *parser) qid() Qid {
	var q Qid
	if !p.next('(') {
		p.fail("a qid is missing at %q", p.s)
		return q
	}
	q.Path = p.uint(p.word(), 16, 64)
	q.Vers = uint32(p.uint(p.word(), 10, 32))
	t := p.word()
	if strings.HasPrefix(t, "0x") {
		q.Type = QidType(p.uint(t, 0, 8))
	} else {
		for _, c := range t {
			i := strings.IndexRune(qidLetters, c)
			if i < 0 {
				p.fail("%q is no qid type", t)
				break
			}
			q.Type |= QTDIR >> i
		}
	}
	if !p.next(')') {
		p.fail("a qid is not closed at %q", p.s)
	}
	return q
}

// list takes what is between [ and ].
func (p *parser) list(item func()) {
	if !p.next('[') {
		p.fail("a list is missing at %q", p.s)
	}
	for p.err == nil && !p.next(']') {
		if p.s == "" {
			p.fail("a list is not closed")
			return
		}
		item()
	}
}

// parts takes the fields of a struct.
func (p *parser) parts(v any) {
	if !p.next('{') {
		p.fail("a { is missing at %q", p.s)
	}
	for p.err == nil && !p.next('}') {
		name := p.word()
		ptr := any(nil)
		for _, part := range parts(v) {
			if part.name == name {
				ptr = part.ptr
			}
		}
		if ptr == nil {
			p.fail("no field %q", name)
			return
		}
		p.value(ptr)
	}
}

// value takes a value of v's type and stores it there.
func (p *parser) value(v any) {
	switch v := v.(type) {
	case *uint8:
		*v = uint8(p.number(8))
	case *uint16:
		*v = uint16(p.number(16))
	case *uint32:
		*v = uint32(p.number(32))
	case *uint64:
		*v = p.number(64)
	case *string:
		*v = p.str()
	case *Qid:
		*v = p.qid()
	case *[]string:
		*v = nil
		p.list(func() { *v = append(*v, p.str()) })
	case *[]Qid:
		*v = nil
		p.list(func() { *v = append(*v, p.qid()) })
	case *dataBytes:
		if p.skip(); !strings.HasPrefix(p.s, "[") {
			*v = dataBytes(p.str())
			return
		}
		*v = nil
		p.list(func() {
			var e wireEnt
			p.parts(&e)
			b, err := encodeParts(*v, &e)
			if err != nil {
				p.fail("directory entry: %v", err)
			}
			*v = b
		})
	case *statBytes:
		if p.skip(); !strings.HasPrefix(p.s, "{") {
			*v = statBytes(p.str())
			return
		}
		var r rawStat
		p.parts(&r)
		if *v = r.encode(); *v == nil {
			p.fail("stat: %v", errTooLong)
		}
	default:
		p.parts(v)
	}
}
