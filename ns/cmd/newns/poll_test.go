package newns_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
)

// pollClient polls a blocking file. Where it waits for something, or wants it to be
// there, it prints "give" and what it wants, and reads a line when that is there.
func pollClient(name string) (err error) {
	in := bufio.NewReader(os.Stdin)
	give := func(text string) { fmt.Println("give", text) }
	given := func() { in.ReadString('\n') }
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	poll := func(events int16, timeout int) int16 {
		p := []unix.PollFd{{Fd: int32(fd), Events: events}}
		for {
			if _, err := unix.Poll(p, timeout); err != unix.EINTR {
				return p[0].Revents
			}
		}
	}
	read := func(n int) string {
		b := make([]byte, n)
		n, err := unix.Read(fd, b)
		if err != nil {
			return err.Error()
		}
		return string(b[:n])
	}
	is := func(what string, got, want any) {
		if got != want {
			err = errors.Join(err, fmt.Errorf("%s: %v, not %v", what, got, want))
		}
	}
	is("poll of nothing", poll(unix.POLLIN|unix.POLLOUT, 0), int16(unix.POLLOUT))
	is("again", poll(unix.POLLIN, 20), int16(0))
	give("one")
	is("poll that waits", poll(unix.POLLIN, 10_000), int16(unix.POLLIN))
	given()
	is("read", read(2), "on")
	is("poll of the rest", poll(unix.POLLIN, 0), int16(unix.POLLIN))
	is("read of the rest", read(10), "e")
	is("poll afterwards", poll(unix.POLLIN, 0), int16(0))
	give("two")
	is("read that waits", read(10), "two")
	given()

	unix.SetNonblock(fd, true)
	is("read of nothing", read(10), unix.EAGAIN.Error())
	ep, _ := unix.EpollCreate1(0)
	events := make([]unix.EpollEvent, 4)
	wait := func(timeout int) int {
		for {
			if n, err := unix.EpollWait(ep, events, timeout); err != unix.EINTR {
				return n
			}
		}
	}
	is("epoll_ctl", unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | 1<<31}), nil) // EPOLLET
	is("epoll of nothing", wait(20), 0)
	for _, word := range []string{"three", "four"} { // an edge each
		give(word)
		is("epoll", wait(10_000), 1)
		given()
		is("read", read(10), word)
		is("read of nothing", read(10), unix.EAGAIN.Error())
	}

	// What one descriptor has read ahead, and not wanted, another is given.
	give("five")
	given()
	is("poll", poll(unix.POLLIN, 10_000), int16(unix.POLLIN))
	unix.Close(fd)
	f, oerr := os.OpenFile(name, os.O_RDWR, 0)
	if oerr != nil {
		return errors.Join(err, oerr)
	}
	defer f.Close()
	b := make([]byte, 10)
	n, _ := f.Read(b)
	is("read by another", string(b[:n]), "five")

	f.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, rerr := f.Read(b)
	is("read with a deadline", errors.Is(rerr, os.ErrDeadlineExceeded), true)
	f.SetReadDeadline(time.Time{})
	give("six")
	n, _ = f.Read(b)
	given()
	is("read after it", string(b[:n]), "six")
	return err
}

// TestPoll has a program wait for a file of a server by poll(2) and epoll(7), and a Go
// program with a deadline.
func TestPoll(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		q := srv.NewQueue(0o666)
		s.serve(t, "q", srv.NewDir().Add("q", q))
		cmd := s.command(t, "mount #s/q /n/q", clientProgram(t)+" /n/q/q")
		cmd.Env = append(cmd.Env, "NS_CLIENT=poll")
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := ""
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "give "); ok {
				q.Put([]byte(text))
				io.WriteString(in, "given\n")
			} else {
				said += lines.Text() + "\n"
			}
		}
		if err := cmd.Wait(); err != nil || said != "" {
			t.Errorf("%v\n%s", err, said)
		}
		clean0(t, s)
	})
}
