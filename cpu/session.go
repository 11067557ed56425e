package cpu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A session is one conversation of the far side's execfs.
type session struct {
	conn *client.Conn
	ctl  *client.Fid
	arch string // of the far side

	root   *client.Fid
	number string // the conversation's

	askOrder sync.Once
	ordered  atomic.Bool
}

// newSession makes a conversation, with a far side that answers soon.
func newSession(ctx context.Context, stream io.ReadWriteCloser, n string) (*session, error) {
	limit := time.AfterFunc(greetLimit, func() { stream.Close() })
	s, err := converse(ctx, stream, n)
	if !limit.Stop() {
		return nil, fmt.Errorf("no answer within %v", greetLimit)
	}
	return s, err
}

// greetLimit is how long the far side may take to answer at first.
var greetLimit = 10 * time.Second

// converse makes a conversation, or goes on with the one of a number.
func converse(ctx context.Context, stream io.ReadWriteCloser, number string) (s *session, err error) {
	cc, err := client.New(ctx, stream, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			cc.Close()
		}
	}()
	root, attached := cc.AttachAhead(ctx, "", "")
	at := []string{"clone"}
	if number != "" {
		at = []string{number, "ctl"}
	}
	var b [16]byte
	ctl, first, err := root.WalkOpenStat(ctx, p9.ORDWR, b[:], at...)
	if err := attached(); err != nil {
		return nil, err
	}
	if err != nil && number != "" {
		return nil, errNotLeft
	}
	if err == nil {
		err = first.ReadErr
	}
	if err != nil {
		return nil, err
	}
	return &session{conn: cc, root: root, ctl: ctl, number: strings.TrimSpace(string(b[:first.N]))}, nil
}

func (s *session) open(ctx context.Context, name string, mode p9.Mode) (*client.Fid, error) {
	return s.root.WalkOpen(ctx, mode, s.number, name)
}

// names gives the conversation lines of namespace(6).
func (s *session) names(ctx context.Context, lines string) error {
	if lines == "" {
		return nil
	}
	f, err := s.open(ctx, "ns", p9.OWRITE|p9.OTRUNC)
	if err != nil {
		return err
	}
	defer f.Clunk(ctx)
	_, err = f.Write(ctx, []byte(lines), 0)
	return err
}

// files opens the command's files, all at once.
func (s *session) files(ctx context.Context) (files [4]*client.Fid, err error) {
	var errs [4]error
	var wg sync.WaitGroup
	for i, name := range [...]string{"0", "1", "2", "wait"} {
		wg.Go(func() {
			mode := p9.OREAD
			if i == 0 {
				mode = p9.OWRITE
			}
			files[i], errs[i] = s.open(ctx, name, mode)
		})
	}
	wg.Wait()
	return files, errors.Join(errs[:]...)
}

// An end is a command's: its wait message, which is one read's.
type end struct {
	message string
	err     error
}

// wait waits for it.
func (s *session) wait(ctx context.Context, f *client.Fid) end {
	b := make([]byte, 8<<10)
	n, err := f.Read(ctx, b, 0)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return end{string(b[:n]), err}
}

// inOrder tells whether the far side does the reads of a stream, and its writes, in the order in which they
// are sent, as far as that is known: at first it is asked, for which nobody waits.
func (s *session) inOrder() bool {
	s.askOrder.Do(func() {
		go func() {
			for _, w := range s.status(context.Background()) {
				if w[0] == "inorder" {
					s.ordered.Store(true)
				}
			}
		}()
	})
	return s.ordered.Load()
}

// status gives the lines of the conversation's status, in words; none if it can't be had.
func (s *session) status(ctx context.Context) (lines [][]string) {
	b, _ := client.Fsys{Root: s.root}.ReadFile(ctx, s.number+"/status")
	for line := range strings.Lines(string(b)) {
		if w, _ := srv.Fields(strings.TrimSpace(line)); len(w) > 0 {
			lines = append(lines, w)
		}
	}
	return lines
}

// fileLeft is the file of a session's tree by which it is found from elsewhere.
const fileLeft = "left"

var errNotLeft = errors.New("no such command was left there")
