package ipcfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ninespace/srv/p9"
)

func TestMessage(t *testing.T) {
	const text = "src\ndst\n/tmp\ntext\na=b c='d e' f=''\n5\nda\nta"
	m, n, err := parseMessage([]byte(text + "more"))
	if err != nil || n != len(text) || m.data != "da\nta" || m.src != "src" || m.dst != "dst" || m.wdir != "/tmp" || m.typ != "text" {
		t.Fatalf("%+v, %d, %v", m, n, err)
	}
	if v, ok := m.get("c"); v != "d e" || !ok {
		t.Errorf("c: %q", v)
	}
	for i := range len(text) {
		if m, n, err := parseMessage([]byte(text[:i])); m != nil || n != 0 || err != nil {
			t.Errorf("%d bytes: %v, %d, %v", i, m, n, err)
		}
	}
	if b := string(m.bytes()); b != "src\ndst\n/tmp\ntext\na=b c='d e' f=\n5\nda\nta" {
		t.Errorf("%q", b)
	}
	for _, bad := range []string{"\n\n\n\n\n\n", "\n\n\n\n\nx\n", "\n\n\n\n\n-1\n", "\n\n\n\n\n9999999\n", "\n\n\n\na\n0\n", "\n\n\n\na='\n0\n"} {
		if _, _, err := parseMessage([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestBadRules(t *testing.T) {
	for _, c := range []struct{ rules, err string }{
		{"dat is x\nplumb to a\n", "rules:1: unknown object dat"},
		{"data iss x\nplumb to a\n", "unknown verb iss"},
		{"data is\nplumb to a\n", "data is: no argument"},
		{"data add x\nplumb to a\n", "data add"},
		{"attr matches x\nplumb to a\n", ""},
		{"attr is x\nplumb tu a\n", "attr is"},
		{"type is text\nplumb tu a\n", "rules:2: plumb tu: not one of client, start, to"},
		{"type is text\nplumb to\n", "plumb to: no argument"},
		{"type is text\nplumb to send\n", "plumb to send"},
		{"type is text\nplumb to a/b\n", "plumb to a/b"},
		{"type is text\n\nplumb to a\n", "rules:2: a rule set without an action"},
		{"type is text\nplumb to a\nplumb to b\n", "a second one"},
		{"type is text\nplumb start a\nplumb client b\n", "a second one"},
		{"type is text\nplumb client b\n\n", "plumb client without plumb to"},
		{"type is text\nplumb to a\ntype is b\n", "patterns come before plumb"},
		{"data matches [a\nplumb to b\n", "no ] for [a"},
		{"data matches $1\nplumb to b\n", "no variables of the message"},
		{"data is 'a\nplumb to b\n", "unclosed quote"},
		{"type is text\nx=1\nplumb to b\n", "assignment to x within a rule set"},
		{"plumb start x\n\n", "a rule set without a pattern"},
		{"include x\n", "include x"},
		{"arg set x\nplumb to a\n", "arg set"},
	} {
		_, _, err := parseRules(c.rules, true, nil)
		if c.err == "" || strings.HasPrefix(c.rules, "attr is") {
			continue // attr has only its text
		}
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v, want %q", c.rules, err, c.err)
		}
	}
}

const basic = `# a comment
addr=':(#?[0-9]+)'
	protocol = '(https?|ftp)'
image=(x

# images
type is text
data matches '[a-zA-Z0-9_\-./]+'
data matches '([a-zA-Z0-9_\-./]+)\.(jpe?g|gif|bit)'
arg isfile $0
plumb to image
plumb start page -w $file 'two words' $1''$2

type is text
data matches $protocol'://[a-z./]+'
plumb to web
plumb client browse $0

data matches '([.a-zA-Z0-9_/\-]+[a-zA-Z0-9_/\-])('$addr')?'
arg isfile $1
data set $file
attr add addr=$3 by='the rules'
attr delete secret
plumb to edit

data isdir dir
src is sh
wdir set /
type set directory
src set $src'.'$ndata
plumb to dirs
`

// started is what would have been started.
type started struct {
	sync.Mutex
	argv []string
}

func (s *started) start(argv []string, dir string) error {
	s.Lock()
	defer s.Unlock()
	if argv[0] == "nosuch" {
		return fs.ErrNotExist
	}
	s.argv = append(s.argv, fmt.Sprintf("%q in %s", argv, dir))
	return nil
}

func (s *started) last() string {
	s.Lock()
	defer s.Unlock()
	if len(s.argv) == 0 {
		return ""
	}
	return s.argv[len(s.argv)-1]
}

func msgText(src, dst, wdir, typ, attr, data string) string {
	return fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n%d\n%s", src, dst, wdir, typ, attr, len(data), data)
}

func TestPlumb(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"file.c", "pic.jpeg", "horse.gift"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &started{}
	each(t, Config{Start: s.start}, func(x tree) {
		x.must(basic, "plumb/rules")
		if text := x.Text("plumb/rules"); strings.TrimSpace(text) != strings.TrimSpace(basic) {
			x.Errorf("rules read %q", text)
		}
		edit, again := x.Open("plumb/edit", p9.OREAD), x.Open("plumb/edit", p9.OREAD)
		dirs := x.Open("plumb/dirs", p9.OREAD)
		for _, c := range []struct{ in, out string }{
			{msgText("sh", "", dir, "text", "", "file.c:12"), msgText("sh", "edit", dir, "text", "addr=12 by='the rules'", dir+"/file.c")},
			{msgText("sh", "edit", "/", "text", "secret=x a=b", dir+"/file.c"), msgText("sh", "edit", "/", "text", "a=b addr= by='the rules'", dir+"/file.c")},
			{msgText("sh", "", dir, "text", "click=5", "see file.c: or not"), msgText("sh", "edit", dir, "text", "addr= by='the rules'", dir+"/file.c")},
			{msgText("sh", "", dir, "text", "click=0", "file.c:#7"), msgText("sh", "edit", dir, "text", "addr='#7' by='the rules'", dir+"/file.c")},
		} {
			if strings.Contains(c.out, "'#7'") {
				c.out = strings.ReplaceAll(c.out, "'#7'", "#7")
			}
			x.must(c.in, "plumb/send")
			x.reads(edit, c.out)
			x.reads(again, c.out)
		}
		// isdir's text is the object's; what set changes stays for the rules after it.
		x.must(msgText("sh", "", dir, "text", "", "."), "plumb/send")
		x.reads(dirs, msgText("sh.1", "dirs", "/", "directory", "", "."))
		// In pieces, and several at once.
		w := x.Open("plumb/send", p9.OWRITE)
		in := msgText("sh", "", dir, "text", "", "file.c")
		for _, part := range []string{in[:3], in[3 : len(in)-1], in[len(in)-1:] + in + in[:9], in[9:]} {
			x.Write(w, part)
		}
		out := msgText("sh", "edit", dir, "text", "addr= by='the rules'", dir+"/file.c")
		for range 3 {
			x.reads(edit, out)
		}
		// Nobody there: started, held or an error.
		x.must(msgText("sh", "", dir, "text", "", "pic.jpeg"), "plumb/send")
		if want := fmt.Sprintf("%q in %s", []string{"page", "-w", dir + "/pic.jpeg", "two words", "picjpeg"}, dir); s.last() != want {
			x.Errorf("started %s, want %s", s.last(), want)
		}
		x.must(msgText("sh", "", dir, "text", "click=6", "x http://a.b/c y"), "plumb/send")
		x.must(msgText("sh", "web", dir, "text", "", "ftp://a"), "plumb/send")
		if want := fmt.Sprintf("%q in %s", []string{"browse", "ftp://a"}, dir); s.last() != want {
			x.Errorf("started %s, want %s", s.last(), want)
		}
		web := x.Open("plumb/web", p9.OREAD)
		x.reads(web, msgText("sh", "web", dir, "text", "", "http://a.b/c"))
		x.reads(web, msgText("sh", "web", dir, "text", "", "ftp://a"))
		x.clunk(edit)
		x.clunk(again)
		x.fails(x.echo(in, "plumb/send"), "nobody has the port edit open")
		x.fails(x.echo(msgText("", "", "/", "text", "", "what?"), "plumb/send"), "no rule for 'what?'")
		x.fails(x.echo(msgText("", "nosuch", "/", "text", "", "what?"), "plumb/send"), "no rule and no port nosuch")
		x.fails(x.echo("\n\n\n\n\nmany\n", "plumb/send"), "bad ndata many")
		// What no rule is for goes to its port as it is.
		x.must(msgText("a", "web", "/", "t", "x=y", "!!"), "plumb/send")
		x.reads(web, msgText("a", "web", "/", "t", "x=y", "!!"))
	})
}

func TestRulesFile(t *testing.T) {
	include := func(name string) ([]byte, error) {
		if name != "more rules" {
			return nil, fs.ErrNotExist
		}
		return []byte("v=2\ntype is included\nplumb to inc$v"), nil
	}
	each(t, Config{Include: include}, func(x tree) {
		f := x.Open("plumb/rules", p9.OWRITE)
		// A write may end anywhere; sets are in force once they can be.
		for _, part := range []string{"v=1\nty", "pe is a\nplu", "mb to p$v\n", "\ninclude more rules\ntype is b\nplumb to p$v"} {
			x.Write(f, part)
		}
		p1 := x.Open("plumb/p1", p9.OREAD)
		x.must(msgText("", "", "", "a", "", "1"), "plumb/send")
		x.reads(p1, msgText("", "p1", "", "a", "", "1"))
		if _, err := f.Write(x.Context(), []byte("\nbad line\n"), 0); err == nil {
			x.Error("a bad line is no error")
		} else {
			x.fails(err, "unknown object bad")
		}
		x.clunk(f)
		x.fails(x.echo("include none\n", "plumb/rules"), "include none")
		f = x.Open("plumb/rules", p9.OWRITE)
		x.Write(f, "type is c\n") // and never an action
		x.clunk(f)
		if s := x.Text("status"); !strings.Contains(s, "plumb/rules err ") || !strings.Contains(s, "without an action") {
			x.Errorf("status %q", s)
		}
		x.must("type is d\nplumb to p1\n", "plumb/rules")
		x.must(msgText("", "", "", "d", "", "2"), "plumb/send")
		x.reads(p1, msgText("", "p1", "", "d", "", "2"))
		x.must(msgText("", "", "", "a", "", "3"), "plumb/send")
		x.reads(p1, msgText("", "p1", "", "a", "", "3"))
		// Cleared, the ports stay.
		x.clunk(x.Open("plumb/rules", p9.OWRITE|p9.OTRUNC))
		if s := x.Text("plumb/rules"); s != "" {
			x.Errorf("%q", s)
		}
		x.fails(x.echo(msgText("", "", "", "a", "", "3"), "plumb/send"), "no rule for 3")
		x.must(msgText("", "p1", "", "a", "", "4"), "plumb/send")
		x.reads(p1, msgText("", "p1", "", "a", "", "4"))
		if glenda, err := x.Root.Conn().Attach(x.Context(), nil, "glenda", ""); err != nil {
			x.Error(err)
		} else if r, err := glenda.Walk(x.Context(), "plumb", "rules"); err != nil {
			x.Error(err)
		} else if err := r.Open(x.Context(), p9.OWRITE); !errors.Is(err, fs.ErrPermission) {
			x.Errorf("another's write of rules: %v", err)
		}
	})
}

// FuzzRules reads any rules and matches any message: neither ends badly.
func FuzzRules(f *testing.F) {
	f.Add(basic, msgText("sh", "", "/", "text", "click=3", "/etc/hosts:12"))
	f.Add("v='a'\ntype is $v$0\nplumb to p\n", "\n\n\n\n\n0\n")
	f.Fuzz(func(t *testing.T, src, text string) {
		if len(src) > 4000 || len(text) > 4000 {
			return
		}
		r, done, err := parseRules(src, true, nil)
		if done > len(src) || err == nil && done != len(src) {
			t.Errorf("%d of %d bytes, %v", done, len(src), err)
		}
		m, n, err := parseMessage([]byte(text))
		if n > len(text) || (n > 0) != (m != nil) || err != nil && m != nil {
			t.Errorf("%v, %d, %v", m, n, err)
		}
		if m == nil {
			return
		}
		if back, _, err := parseMessage(m.bytes()); err != nil || string(back.bytes()) != string(m.bytes()) {
			t.Errorf("%+v comes back as %+v, %v", m, back, err)
		}
		r.match(m)
	})
}
