package p9

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The text form of messages, for traces and for the transcripts of tests: the
// message's name, tag, and the fields of its layout, each as its name and value.
//
//	Twalk tag 1 fid 0 newfid 1 wname [usr "a b"]
//	Rattach tag 1 qid (2f 0 d)
//	Rread tag 2 data "hello, world\n"
//	Rgetattr tag 3 attr {valid 0x7ff qid (30 7) mode 0100644 nlink 1 size 13}
//	Rreaddir tag 4 data [{qid (30 7) cookie 1 type 8 name a}]
//
// Strings are quoted as Go does where they are not plain words, data always. A
// qid is (path vers type): hexadecimal, decimal, and Plan 9's letters for the
// type. In braces what is zero is left out. notag, nofid and nouid are a number
// whose bits are all set.

// Text gives the message in text form, on one line; dotl tells the dialect.
func (f *Fcall) Text(dotl bool) string {
	b := []byte(f.Type.String())
	b = appendValue(append(b, " tag "...), "tag", &f.Tag)
	for _, fd := range fieldsOf(f.Type, dotl) {
		b = append(append(append(b, ' '), fd.name...), ' ')
		p := fd.ptr(f)
		if data, ok := p.(*dataBytes); ok && f.Type == Rreaddir {
			if d := (*entsBytes)(data); d.sound() {
				p = d
			}
		}
		b = appendValue(b, fd.name, p)
	}
	return string(b)
}

// String gives the message in text form with all that either dialect has in it.
func (f *Fcall) String() string { return f.Text(true) }

// A part is a field of a field.
type part struct {
	name string
	ptr  any
}

// entsBytes is Rreaddir's data where it is whole entries.
type entsBytes []byte

type wireEnt struct {
	qid    Qid
	cookie uint64
	typ    uint8
	name   string
}

// parts gives the fields of a field that is a struct, in the order of the wire;
// nil for any other.
func parts(p any) []part {
	zip := func(names string, ptrs ...any) (ps []part) {
		for i, n := range strings.Fields(names) {
			ps = append(ps, part{n, ptrs[i]})
		}
		return ps
	}
	switch p := p.(type) {
	case *Attr:
		l := p.longs()
		return zip("valid qid mode uid gid nlink rdev size blksize blocks atime atimens mtime mtimens ctime ctimens btime btimens gen datavn",
			&p.Valid, &p.Qid, &p.Mode, &p.Uid, &p.Gid, l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7], l[8], l[9], l[10], l[11], l[12], l[13], l[14])
	case *Setattr:
		l := p.longs()
		return zip("valid mode uid gid size atime atimens mtime mtimens", &p.Valid, &p.Mode, &p.Uid, &p.Gid, l[0], l[1], l[2], l[3], l[4])
	case *Statfs:
		l := p.longs()
		return zip("type bsize blocks bfree bavail files ffree fsid namelen", &p.Type, &p.Bsize, l[0], l[1], l[2], l[3], l[4], l[5], &p.Namelen)
	case *rawStat:
		return zip("type dev qid perm atime mtime length name uid gid muid",
			&p.typ, &p.dev, &p.qid, &p.perm, &p.atime, &p.mtime, &p.length, &p.name, &p.uid, &p.gid, &p.muid)
	case *wireEnt:
		return zip("qid cookie type name", &p.qid, &p.cookie, &p.typ, &p.name)
	}
	return nil
}

// encodeParts appends a struct's wire form.
func encodeParts(b []byte, p any) ([]byte, error) {
	var err error
	for _, part := range parts(p) {
		if b, err = appendField(b, part.ptr); err != nil {
			return b, err
		}
	}
	return b, nil
}

// encode gives the wire form of a 9P2000 stat, nil where it has none.
func (r *rawStat) encode() []byte {
	b, err := encodeParts(make([]byte, 2), r)
	if err != nil || len(b)-2 > 0xFFFF {
		return nil
	}
	le.PutUint16(b, uint16(len(b)-2))
	return b
}

func (b entsBytes) each(f func(e *wireEnt)) bool {
	for d := (decoder{b: b}); len(d.b) > 0; {
		e := new(wireEnt)
		for _, p := range parts(e) {
			d.field(p.ptr)
		}
		if d.short {
			return false
		}
		f(e)
	}
	return true
}

func (b entsBytes) sound() bool { return b.each(func(*wireEnt) {}) }

func appendValue(b []byte, name string, p any) []byte {
	switch p := p.(type) {
	case *uint8:
		return appendNumber(b, name, uint64(*p), 8)
	case *uint16:
		return appendNumber(b, name, uint64(*p), 16)
	case *uint32:
		return appendNumber(b, name, uint64(*p), 32)
	case *uint64:
		return appendNumber(b, name, *p, 64)
	case *string:
		return appendWord(b, *p)
	case *Qid:
		return appendQidText(b, *p)
	case *[]string:
		return appendList(b, *p, appendWord)
	case *[]Qid:
		return appendList(b, *p, appendQidText)
	case *dataBytes:
		return strconv.AppendQuote(b, string(*p))
	case *entsBytes:
		var ents []*wireEnt
		p.each(func(e *wireEnt) { ents = append(ents, e) })
		return appendList(b, ents, func(b []byte, e *wireEnt) []byte { return appendParts(b, e) })
	case *statBytes:
		if r, rest, err := parseStat(*p); err == nil && len(rest) == 0 && bytes.Equal(r.encode(), *p) {
			return appendParts(b, &r)
		}
		return strconv.AppendQuote(b, string(*p))
	}
	return appendParts(b, p)
}

func appendParts(b []byte, p any) []byte {
	b = append(b, '{')
	start := len(b)
	for _, part := range parts(p) {
		v := appendValue(nil, part.name, part.ptr)
		_, word := part.ptr.(*string) // which may be "0"
		if s := string(v); s == `""` || s == "(0 0)" || !word && (s == "0" || s == "0x0") {
			continue
		}
		if len(b) > start {
			b = append(b, ' ')
		}
		b = append(append(append(b, part.name...), ' '), v...)
	}
	return append(b, '}')
}

func appendList[T any](b []byte, l []T, f func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range l {
		if i > 0 {
			b = append(b, ' ')
		}
		b = f(b, v)
	}
	return append(b, ']')
}

// ones are the words for a number whose bits are all set, by field.
func ones(name string) string {
	switch name {
	case "tag", "oldtag":
		return "notag"
	case "fid", "newfid", "dfid", "afid":
		return "nofid"
	case "nuname", "uid", "gid":
		return "nouid"
	}
	return ""
}

func appendNumber(b []byte, name string, v uint64, bits int) []byte {
	if w := ones(name); w != "" && v == 1<<bits-1 {
		return append(b, w...)
	}
	switch name {
	case "perm":
		return fmt.Appendf(b, "%#o", v)
	case "flags", "mask", "valid":
		return fmt.Appendf(b, "%#x", v)
	case "mode":
		if bits == 8 {
			return fmt.Appendf(b, "%#x", v)
		}
		return fmt.Appendf(b, "%#o", v)
	}
	return strconv.AppendUint(b, v, 10)
}

func isWordByte(c byte) bool {
	return c > ' ' && c < 0x7F && !strings.ContainsRune("\"'`\\()[]{}*#", rune(c))
}

func appendWord(b []byte, s string) []byte {
	if s == "" || slices.ContainsFunc([]byte(s), func(c byte) bool { return !isWordByte(c) }) {
		return strconv.AppendQuote(b, s)
	}
	return append(b, s...)
}

// qidLetters are the letters of a qid's type, high bit first.
const qidLetters = "dalmAtL"

func appendQidText(b []byte, q Qid) []byte {
	b = fmt.Appendf(b, "(%x %d", q.Path, q.Vers)
	switch {
	case q.Type&1 != 0: // nothing's
		b = fmt.Appendf(b, " %#x", uint8(q.Type))
	case q.Type != 0:
		b = append(b, ' ')
		for i := range len(qidLetters) {
			if q.Type&(QTDIR>>i) != 0 {
				b = append(b, qidLetters[i])
			}
		}
	}
	return append(b, ')')
}
