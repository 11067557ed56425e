package p9

import (
	"bytes"
	"testing"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		f    Fcall
		dotl bool
		text string
	}{
		{Fcall{Type: Tversion, Tag: NoTag, Msize: 8192, Version: "9P2000.L"}, false, "Tversion tag notag msize 8192 version 9P2000.L"},
		{Fcall{Type: Tattach, Tag: 1, Afid: NoFid, Uname: "glenda", Nuname: NoUid}, true, `Tattach tag 1 fid 0 afid nofid uname glenda aname "" nuname nouid`},
		{Fcall{Type: Tattach, Tag: 1, Afid: NoFid, Uname: "glenda", Nuname: NoUid}, false, `Tattach tag 1 fid 0 afid nofid uname glenda aname ""`},
		{Fcall{Type: Twalk, Tag: 1, Newfid: 1, Wname: []string{"a", "b c", "", "*"}}, false, `Twalk tag 1 fid 0 newfid 1 wname [a "b c" "" "*"]`},
		{Fcall{Type: Twalk, Tag: 1}, false, "Twalk tag 1 fid 0 newfid 0 wname []"},
		{Fcall{Type: Rwalk, Wqid: []Qid{{QTDIR, 3, 0x1f}, {0, 0, 1}, {1, 0, 1}}}, false, "Rwalk tag 0 wqid [(1f 3 d) (1 0) (1 0 0x1)]"},
		{Fcall{Type: Tcreate, Name: "d", Perm: DMDIR | 0o755, Mode: 0x11}, false, "Tcreate tag 0 fid 0 name d perm 020000000755 mode 0x11"},
		{Fcall{Type: Rread, Data: []byte("hello\n")}, false, `Rread tag 0 data "hello\n"`},
		{Fcall{Type: Rclunk, Tag: 2}, false, "Rclunk tag 2"},
		{Fcall{Type: Rgetattr, Attr: Attr{Valid: 0x7ff, Mode: 0o100644, Size: 3}}, true, "Rgetattr tag 0 attr {valid 0x7ff mode 0100644 size 3}"},
		{Fcall{Type: Rstat, Stat: (&rawStat{name: "a", perm: 0o644}).encode()}, false, "Rstat tag 0 stat {perm 0644 name a}"},
		{Fcall{Type: Rstat, Stat: (&rawStat{name: "0", uid: "0x0"}).encode()}, false, "Rstat tag 0 stat {name 0 uid 0x0}"},
		{Fcall{Type: Rstat, Stat: []byte("odd")}, false, `Rstat tag 0 stat "odd"`},
		{Fcall{Type: Rreaddir, Data: AppendDirent(nil, &Dirent{Qid{QTDIR, 0, 2}, 1, ModeOfUnix(0o40000), "d"})}, true, `Rreaddir tag 0 data [{qid (2 0 d) cookie 1 type 4 name d}]`},
		{Fcall{Type: Rreaddir, Data: []byte("odd")}, true, `Rreaddir tag 0 data "odd"`},
		{Fcall{Type: Tlock, Fid: 1, Lock: Flock{Type: 1, Flags: 1, Start: 2, Length: 3, ProcID: 4, ClientID: "c"}}, true, "Tlock tag 0 fid 1 type 1 flags 0x1 start 2 length 3 proc 4 client c"},
	} {
		if got := c.f.Text(c.dotl); got != c.text {
			t.Errorf("got  %s\nwant %s", got, c.text)
		}
		f, err := ParseText(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := f.Text(c.dotl); got != c.text {
			t.Errorf("%s\nbecomes %s", c.text, got)
		}
	}
	samples(func(f *Fcall, frame []byte, dotl bool) {
		text := f.Text(dotl)
		g, err := ParseText(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		if b, err := g.Append(nil, dotl); err != nil || !bytes.Equal(b, frame) {
			t.Errorf("%s\n%v\n%x\n%x", text, err, frame, b)
		}
	})
}

func TestParseText(t *testing.T) {
	f, err := ParseText("Twalk newfid 0x10 wname [ a  b ]\ttag 07")
	if err != nil || f.Tag != 7 || f.Newfid != 16 || len(f.Wname) != 2 {
		t.Errorf("%v, %v", &f, err)
	}
	for _, line := range []string{
		"", "Terror", "twalk", "Twalk 1", "Twalk tag", "Twalk tag x", "Twalk tag 65536", "Twalk tag 1 mode 1", "Twalk wname a", "Twalk wname [a",
		`Twalk wname ["a]`, "Rattach qid 1", "Rattach qid (1)", "Rattach qid (1 0 z)", "Rattach qid (1 0 d", "Rread data", "Rstat stat {bogus 1}",
		"Rstat stat {name a", "Rreaddir data [{qid}]", "Rclunk tag 1 )", "Rclunk tag 1 #",
	} {
		if f, err := ParseText(line); err == nil {
			t.Errorf("%s: %v", line, &f)
		}
	}
}

// FuzzParseText holds any text to this: what parses prints as a text that parses
// to the same.
func FuzzParseText(f *testing.F) {
	samples(func(m *Fcall, _ []byte, dotl bool) { f.Add(m.Text(dotl)) })
	f.Fuzz(func(t *testing.T, line string) {
		m, err := ParseText(line)
		if err != nil {
			return
		}
		text := m.String()
		n, err := ParseText(text)
		if err != nil {
			t.Fatalf("%q\n%q: %v", line, text, err)
		}
		if got := n.String(); got != text {
			t.Fatalf("%q\n%q\n%q", line, text, got)
		}
	})
}
