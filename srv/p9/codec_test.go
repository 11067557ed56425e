package p9

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// sample is a message of a type with something in each field.
func sample(t Type, dotl bool) *Fcall {
	f := &Fcall{Type: t, Tag: 0x1234}
	n := uint64(1)
	next := func() uint64 { n = n*7 + 3; return n }
	var fill func(p any)
	fill = func(p any) {
		switch p := p.(type) {
		case *uint8:
			*p = uint8(next())
		case *uint16:
			*p = uint16(next())
		case *uint32:
			*p = uint32(next())
		case *uint64:
			*p = next()
		case *string:
			*p = "na\x00me \xff\"["[:5+next()%5]
		case *[]string:
			*p = []string{"usr", "", "a b", "naïve"}
		case *Qid:
			*p = Qid{QidType(next()), uint32(next()), next()}
		case *[]Qid:
			*p = []Qid{{QTDIR | QTMOUNT, 1, 2}, {1, 0, 0}}
		case *dataBytes:
			*p = dataBytes("data \x00\n\xff")
		case *statBytes:
			*p, _ = AppendStat(nil, &Stat{Name: "na me", Mode: 0o644, Uid: "glenda"})
		default:
			for _, part := range parts(p) {
				fill(part.ptr)
			}
		}
	}
	for _, fd := range fieldsOf(t, dotl) {
		fill(fd.ptr(f))
	}
	return f
}

// samples calls test with the encoded sample of every message.
func samples(test func(f *Fcall, frame []byte, dotl bool)) {
	for _, dotl := range []bool{false, true} {
		for t := range 256 {
			if Type(t).Known(dotl) {
				f := sample(Type(t), dotl)
				frame, err := f.Append(nil, dotl)
				if err != nil {
					panic(err)
				}
				test(f, frame, dotl)
			}
		}
	}
}

func TestCodec(t *testing.T) {
	count := 0
	samples(func(f *Fcall, frame []byte, dotl bool) {
		count++
		var g Fcall
		if err := g.Decode(frame, dotl); err != nil {
			t.Errorf("%s: %v", f.Type, err)
		}
		if b, err := g.Append(nil, dotl); err != nil || !bytes.Equal(b, frame) {
			t.Errorf("%s: %v\n%x\n%x", f.Type, err, frame, b)
		}
		if got, want := g.Text(dotl), f.Text(dotl); got != want {
			t.Errorf("%s\n%s", got, want)
		}
		for n := range frame { // cut short, with and without a size that knows of it
			if err := g.Decode(frame[:n], dotl); !errors.Is(err, ErrShort) {
				t.Errorf("%s cut to %d: %v", f.Type, n, err)
			}
			if f.Type == Tfsync && n == len(frame)-4 {
				continue // early clients send no datasync
			}
			if n >= HdrSz {
				cut := bytes.Clone(frame[:n])
				le.PutUint32(cut, uint32(n))
				if err := g.Decode(cut, dotl); !errors.Is(err, ErrShort) {
					t.Errorf("%s cut to %d: %v", f.Type, n, err)
				}
			}
		}
		long := append(bytes.Clone(frame), 0)
		le.PutUint32(long, uint32(len(long)))
		if err := g.Decode(long, dotl); !errors.Is(err, ErrLong) && f.Type != Tattach && f.Type != Tauth {
			t.Errorf("%s and a byte: %v", f.Type, err)
		}
	})
	if want := 27 + 18 + 39; count != want { // 9P2000's, those of them that .L keeps, .L's own
		t.Errorf("%d messages, want %d", count, want)
	}
}

func TestAppendErrors(t *testing.T) {
	long := strings.Repeat("x", 0x10000)
	for _, f := range []Fcall{
		{Type: Tversion, Version: long},
		{Type: Twalk, Wname: []string{long}},
		{Type: Twalk, Wname: make([]string, 0x10000)},
		{Type: Twstat, Stat: []byte(long)},
		{Type: Tlopen},
		{Type: 200},
	} {
		if b, err := f.Append([]byte("x"), false); err == nil || len(b) > 1 {
			t.Errorf("%s: %d bytes, %v", f.Type, len(b), err)
		}
	}
	if _, err := AppendStat(nil, &Stat{Name: strings.Repeat("x", 0xFFF0)}); err == nil {
		t.Error("a stat of more than 64 KiB was encoded")
	}
}

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		t       Type
		nine, l bool
	}{{Tversion, true, true}, {Topen, true, false}, {Tstat, true, false}, {Rerror, true, false}, {Tlopen, false, true},
		{Rlerror, false, true}, {Tread, true, true}, {0, false, false}, {106, false, false}, {255, false, false}} {
		if c.t.Known(false) != c.nine || c.t.Known(true) != c.l {
			t.Errorf("%s: %v, %v", c.t, c.t.Known(false), c.t.Known(true))
		}
	}
}

func TestDirents(t *testing.T) {
	ents := []Dirent{{Qid{QTDIR, 1, 2}, 3, ModeOfUnix(0o40000), "d"}, {Qid{0, 1, 5}, 1 << 63, 0, "a b"}}
	var b []byte
	for i := range ents {
		start := len(b)
		b = AppendDirent(b, &ents[i])
		if len(b)-start != DirentSize(&ents[i]) {
			t.Errorf("%d bytes, DirentSize %d", len(b)-start, DirentSize(&ents[i]))
		}
	}
	got, err := ParseDirents(b)
	if err != nil || len(got) != 2 || got[0] != ents[0] || got[1] != ents[1] {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := ParseDirents(b[:len(b)-1]); !errors.Is(err, ErrShort) {
		t.Errorf("cut short: %v", err)
	}
}

// FuzzDecode holds any bytes to this: what decodes is encoded to a message that
// decodes to the same, and its text form is the same message again.
func FuzzDecode(f *testing.F) {
	samples(func(_ *Fcall, frame []byte, dotl bool) { f.Add(frame, dotl) })
	f.Fuzz(func(t *testing.T, frame []byte, dotl bool) {
		if len(frame) >= 4 {
			le.PutUint32(frame, uint32(len(frame)))
		}
		var g, h Fcall
		if g.Decode(frame, dotl) != nil {
			return
		}
		b, err := g.Append(nil, dotl)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, frame) && g.Type != Tattach && g.Type != Tauth && g.Type != Tfsync {
			t.Fatalf("%x\n%x", frame, b)
		}
		if err := h.Decode(b, dotl); err != nil {
			t.Fatal(err)
		}
		text := g.Text(dotl)
		if got := h.Text(dotl); got != text {
			t.Fatalf("%s\n%s", text, got)
		}
		k, err := ParseText(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if c, err := k.Append(nil, dotl); err != nil || !bytes.Equal(c, b) {
			t.Fatalf("%s: %v\n%x\n%x", text, err, b, c)
		}
		ParseDirents(g.Data)
		ParseStat(g.Stat)
		ParseWstat(g.Stat)
	})
}
