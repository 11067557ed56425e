package srvtest

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// Transcript serves one connection and plays a file of messages, in the text
// form of package p9, against it. Its lines are
//
//	-> message    send this request
//	<- message    the next reply must be this one
//	<* message    as <-, but the <* lines next to each other come in any order
//	raw hex       send these bytes; blanks between them do not matter
//	closed        the server must hang up
//	# comment
//
// In an expected message * stands for any one value and ... for any number
// of any values within the brackets, or the line, that it is in.
func Transcript(t *testing.T, s *srv.Server, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := Serve(t, s)
	c.SetDeadline(time.Now().Add(Patience))
	p := &player{c: c}
	for i, line := range strings.Split(string(text), "\n") {
		if err := p.play(strings.TrimSpace(line)); err != nil {
			t.Fatalf("%s:%d: %s\n%v", file, i+1, line, err)
		}
	}
	if err := p.anyOrder(); err != nil {
		t.Fatalf("%s: at the end: %v", file, err)
	}
}

type player struct {
	c    net.Conn
	dotl bool
	any  []string // expected in any order
}

func (p *player) play(line string) error {
	op, rest, _ := strings.Cut(line, " ")
	if op == "<*" {
		p.any = append(p.any, rest)
		return nil
	}
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if err := p.anyOrder(); err != nil {
		return err
	}
	switch op {
	case "->":
		f, err := p9.ParseText(rest)
		if err != nil {
			return err
		}
		b, err := f.Append(nil, p.dotl)
		if err != nil {
			return err
		}
		_, err = p.c.Write(b)
		return err
	case "raw":
		b, err := hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
		if err != nil {
			return err
		}
		_, err = p.c.Write(b)
		return err
	case "<-":
		if strings.HasPrefix(rest, "Rerror ") { // a Tversion is refused: only 9P2000 has it
			p.dotl = false
		}
		got, err := p.recv()
		if err == nil && !Match(rest, got) {
			err = fmt.Errorf("got %s", got)
		}
		return err
	case "closed":
		got, err := p.recv()
		switch {
		case err == nil:
			return fmt.Errorf("got %s", got)
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			return nil
		}
		return err
	}
	return errors.New("no such line")
}

// anyOrder takes as many replies as are expected in any order.
func (p *player) anyOrder() error {
	for len(p.any) > 0 {
		got, err := p.recv()
		if err != nil {
			return err
		}
		found := false
		for i, want := range p.any {
			if found = Match(want, got); found {
				p.any = append(p.any[:i], p.any[i+1:]...)
				break
			}
		}
		if !found {
			return fmt.Errorf("got  %s\nwant %s", got, strings.Join(p.any, "\n or  "))
		}
	}
	return nil
}

// recv gives the text of the next reply.
func (p *player) recv() (string, error) {
	f, err := Recv(p.c, p.dotl)
	if err != nil {
		return "", err
	}
	if f.Type == p9.Rversion {
		p.dotl = f.Version == p9.Version9P2000L
	}
	return f.Text(p.dotl), nil
}

// Recv reads one message.
func Recv(r io.Reader, dotl bool) (*p9.Fcall, error) {
	var h [4]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(h[:])
	if size < p9.HdrSz || size > p9.MaxMsize {
		return nil, fmt.Errorf("reply of %d bytes", size)
	}
	frame := make([]byte, size)
	copy(frame, h[:])
	if _, err := io.ReadFull(r, frame[4:]); err != nil {
		return nil, err
	}
	f := new(p9.Fcall)
	return f, f.Decode(frame, dotl)
}

// Match compares a message's text with an expected one, which may have * and ...
func Match(want, got string) bool { return match(tokens(want), tokens(got)) }

func match(w, g []string) bool {
	switch {
	case len(w) == 0:
		return len(g) == 0
	case w[0] == "...":
		for depth := 0; ; g = g[1:] {
			if depth == 0 && match(w[1:], g) {
				return true
			}
			if len(g) == 0 {
				return false
			}
			if depth += nesting(g[0]); depth < 0 {
				return false
			}
		}
	case len(g) == 0:
		return false
	case w[0] != "*":
		return w[0] == g[0] && match(w[1:], g[1:])
	}
	n, depth := 0, 0
	for {
		depth += nesting(g[n])
		if n++; depth == 0 {
			return match(w[1:], g[n:])
		}
		if depth < 0 || n == len(g) {
			return false
		}
	}
}

func nesting(tok string) int {
	switch tok {
	case "(", "[", "{":
		return 1
	case ")", "]", "}":
		return -1
	}
	return 0
}

// tokens splits a message's text into words, quoted strings and brackets.
func tokens(s string) (toks []string) {
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			return toks
		}
		n := 1
		switch c := s[0]; {
		case c == '"':
			for n < len(s) && s[n] != '"' {
				if s[n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(s))
		case !strings.ContainsRune("()[]{}", rune(c)):
			if n = strings.IndexAny(s, " \t()[]{}\""); n < 0 {
				n = len(s)
			}
		}
		toks = append(toks, s[:n])
		s = s[n:]
	}
}
