package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"unicode"

	"ninespace/exportfs/aan"
	"ninespace/factotum/auth"
	"ninespace/srv/p9"
)

// What the caller is answered.

// A refusal is the far side's no.
type refusal struct {
	text string
	key  bool // another one may be let in
}

func (r *refusal) Error() string { return "refused: " + r.text }

// Final tells of an error of Dial that trying again, without anybody who looks into it, will
// not mend: the host's key is another or is revoked, or it does not take the one that was
// shown. What else a host refuses, a tree say, it may not have yet.
func Final(err error) bool {
	var r *refusal
	return errors.Is(err, auth.ErrHostChanged) || errors.Is(err, auth.ErrHostRevoked) || errors.As(err, &r) && r.key
}

// ask says what is wanted on a stream and reads the answer.
func ask(ctx context.Context, c io.ReadWriteCloser, w Want) (text string, err error) {
	deadline(c, answerLimit)
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if _, err := io.WriteString(c, w.String()+"\n"); err != nil {
		return "", err
	}
	if text, err = answer(c); err == nil {
		deadline(c, 0)
	}
	return text, err
}

// An asked link is one on which was said what is wanted. The answer is not waited for: it
// comes before all else that is read, and if it is not ok nothing else does.
type asked struct {
	net.Conn
	first    bool // nobody was let in before: there is no use in dialling again
	answered bool
}

func (l *asked) Read(p []byte) (int, error) {
	if !l.answered {
		if _, err := answer(l.Conn); err != nil {
			if l.first || errors.As(err, new(*refusal)) {
				err = aan.Permanent(&unwanted{err})
			}
			return 0, err
		}
		l.answered = true
	}
	return l.Conn.Read(p)
}

// unwanted is an error of an answer, whatever the layers above have put before it.
type unwanted struct{ error }

func (u *unwanted) Unwrap() error { return u.error }

// answer reads the answer.
func answer(c io.Reader) (text string, err error) {
	line, err := ReadLine(c)
	if err != nil {
		return "", fmt.Errorf("no door of ninespace answers there: %w", p9.Fact(err))
	}
	word, text, _ := strings.Cut(line, " ")
	switch word {
	case "ok":
		return text, nil
	case "key", "no":
		return "", &refusal{Plain(text), word == "key"}
	}
	return "", fmt.Errorf("no door of ninespace answers there, but %.60q", line)
}

// Plain is a far side's text as a terminal may be told it.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
