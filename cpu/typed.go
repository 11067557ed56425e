package cpu

import (
	"errors"
	"io"
	"os"
)

// A typed gives what is typed at a terminal. By ~. at the beginning of a line leave is called, and
// it ends, as with ssh(1): the far side need not hear of it. There ~~ is one ~.
type typed struct {
	r      io.Reader
	leave  func()
	within bool // a line has begun
	tilde  bool // with ~, which is kept back
}

// keyboard gives what is typed at a terminal, of which some can wait: ~. is to be heard where the far
// side is not.
func keyboard(tty io.Reader, leave func()) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		io.Copy(w, &typed{r: tty, leave: leave})
		w.Close()
	}()
	return r, nil
}

var errLeft = errors.New("left by ~. at the keyboard")

// Read needs room for the ~ that was kept back, too.
func (t *typed) Read(p []byte) (int, error) {
	if len(p) < 2 {
		return 0, io.ErrShortBuffer
	}
	for {
		n, err := t.r.Read(p[1:])
		out := p[:0]
		for _, b := range p[1 : 1+n] { // out is never ahead of it
			switch {
			case t.tilde && b == '.':
				t.leave()
				return len(out), io.EOF
			case t.tilde && b != '~':
				out = append(out, '~')
			case !t.tilde && !t.within && b == '~':
				t.tilde = true
				continue
			}
			out = append(out, b)
			t.tilde, t.within = false, b != '\r' && b != '\n'
		}
		if len(out) > 0 || err != nil {
			return len(out), err
		}
	}
}
