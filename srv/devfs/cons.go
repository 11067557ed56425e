package devfs

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// console is the part of cons(3) that is not Linux's to tell.
func (f *FS) console() []entry {
	bytes := func(fill func(p []byte), write func(p []byte) error) func(context.Context, p9.Mode) (srv.Handle, error) {
		return func(context.Context, p9.Mode) (srv.Handle, error) { return &endless{fill, write}, nil }
	}
	zeros := func(p []byte) { clear(p) }
	taken := func([]byte) error { return nil }
	random := bytes(func(p []byte) { rand.Read(p) }, f.mixIn)
	return []entry{
		{name: "cons", mode: 0o600, open: f.openCons},
		{name: "consctl", mode: 0o200, open: f.openConsctl},
		{name: "null", mode: 0o666, open: bytes(nil, taken)},
		{name: "zero", mode: 0o666, open: bytes(zeros, taken)},
		{name: "full", mode: 0o666, open: bytes(zeros, func([]byte) error { return syscall.ENOSPC })},
		{name: "random", mode: 0o666, open: random},
		{name: "urandom", mode: 0o666, open: random},
		{name: "time", mode: 0o644, open: settable(func() (string, error) { return now().text(), nil }, f.setTime)},
		{name: "bintime", mode: 0o644, open: func(context.Context, p9.Mode) (srv.Handle, error) { return bintime{f}, nil }},
		{name: "user", mode: 0o444, open: func(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
			if u := srv.UserOf(ctx); u != nil {
				return srv.Bytes(u.Name), nil
			}
			return srv.Bytes(hostOwner()), nil
		}},
		{name: "hostowner", mode: 0o444, open: text(func() (string, error) { return hostOwner(), nil })},
		{name: "sysname", mode: 0o644, open: settable(func() (string, error) { return line(f.proc("sys/kernel/hostname")), nil }, f.setName)},
		{name: "hostdomain", mode: 0o644, open: settable(f.domain, f.setDomain)},
	}
}

func hostOwner() string { return srv.NewUser("", uint32(os.Getuid())).Name }

// An endless file has no offsets: each read is filled. Without a fill it is at its end.
type endless struct {
	fill  func(p []byte)
	write func(p []byte) error
}

func (e *endless) Read(_ context.Context, p []byte, _ int64) (int, error) {
	if e.fill == nil {
		return 0, nil
	}
	e.fill(p)
	return len(p), nil
}

func (e *endless) Write(_ context.Context, p []byte, _ int64) (int, error) {
	if err := e.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// mixIn gives Linux what was written, without a claim as to how random it is.
func (f *FS) mixIn(p []byte) error {
	w, err := os.OpenFile(f.cfg.Dev+"/urandom", os.O_WRONLY, 0)
	if err != nil {
		return cause(err)
	}
	defer w.Close()
	_, err = w.Write(p)
	return cause(err)
}

// A moment is what the clocks say.
type moment struct{ unix, ticks, boot int64 } // ns

func (m moment) text() string {
	return fmt.Sprintf("%11d %21d %21d %21d %21d ", m.unix/1e9, m.unix, m.ticks, int64(time.Second), m.boot)
}

// allowed is the error of what a Config has no func for.
func allowed(is bool) error {
	if is {
		return nil
	}
	return p9.ErrPerm
}

func (f *FS) setTime(s string) error {
	if err := allowed(f.cfg.SetTime != nil); err != nil {
		return err
	}
	sec, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || sec <= 0 || sec > 1<<40 {
		return invalid("bad time %s: seconds are wanted", srv.Quote(s))
	}
	return cause(f.cfg.SetTime(time.Unix(sec, 0)))
}

func (f *FS) setName(s string) error {
	if err := allowed(f.cfg.SetName != nil); err != nil {
		return err
	}
	if s == "" || !isName(s) {
		return invalid("bad name %s", srv.Quote(s))
	}
	return cause(f.cfg.SetName(s))
}

// domain is what uname(2) calls so: that of NIS, or of whatever authenticates users here.
func (f *FS) domain() (string, error) {
	if s := line(f.proc("sys/kernel/domainname")); s != "(none)" {
		return s, nil
	}
	return "", nil
}

func (f *FS) setDomain(s string) error {
	if err := allowed(f.cfg.Domain != nil); err != nil {
		return err
	}
	if !isName(s) {
		return invalid("bad domain %s", srv.Quote(s))
	}
	return cause(f.cfg.Domain(s))
}

// isName tells whether Linux may have it for a name of the machine's.
func isName(s string) bool { return len(s) <= 64 && !strings.ContainsAny(s, " \t\n/\x00") }

// bintime is the file, open. It has no offsets: each read is of now.
type bintime struct{ f *FS }

func (bintime) Read(_ context.Context, p []byte, _ int64) (int, error) {
	m := now()
	var b []byte
	for _, n := range []int64{m.unix, m.ticks, int64(time.Second), m.boot} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return copy(p[:len(p)&^7], b), nil
}

func (b bintime) Write(_ context.Context, p []byte, _ int64) (int, error) {
	var err error
	switch cfg := &b.f.cfg; {
	case len(p) == 1+8 && p[0] == 'n':
		if err = allowed(cfg.SetTime != nil); err == nil {
			err = cfg.SetTime(time.Unix(0, int64(binary.BigEndian.Uint64(p[1:]))))
		}
	case len(p) == 1+8+4 && p[0] == 'd':
		if err = allowed(cfg.Adjust != nil); err == nil {
			err = cfg.Adjust(time.Duration(binary.BigEndian.Uint64(p[1:])), time.Duration(binary.BigEndian.Uint32(p[9:]))*time.Second)
		}
	case len(p) > 0 && p[0] == 'f':
		err = p9.NewError(syscall.EOPNOTSUPP, "the clock's frequency is Linux's to know")
	default:
		err = invalid("not n and 8 bytes, or d and 8 and 4 bytes")
	}
	if err != nil {
		return 0, cause(err)
	}
	return len(p), nil
}
