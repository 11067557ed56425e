package netfs

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A fidFile is an open fid that is read from the beginning on.
type fidFile struct {
	*client.Fid
	off int64
}

func (o *fidFile) Read(p []byte) (int, error) {
	n, err := o.Fid.Read(context.Background(), p, o.off)
	o.off += int64(n)
	return n, err
}

func (o *fidFile) Write(p []byte) (int, error) { return o.Fid.Write(context.Background(), p, 0) }
func (o *fidFile) Close() error                { return o.Clunk(context.Background()) }

// opener has nine's dialler use the tree, at /net.alt.
func (x tree) opener(ctx context.Context, name string, mode p9.Mode) (io.ReadWriteCloser, error) {
	name, ok := strings.CutPrefix(name, "/net.alt/")
	if !ok {
		return nil, p9.ErrNotExist
	}
	f, err := x.tryOpen(ctx, name, mode)
	if err != nil {
		return nil, err
	}
	return &fidFile{Fid: f}, nil
}

// TestDialFiles calls by the files of a network that is not this process's.
func TestDialFiles(t *testing.T) {
	each(t, Config{}, func(x tree) {
		l := x.clone("tcp")
		l.must("announce 127.0.0.1!0")
		dial := func(to string) io.ReadWriteCloser {
			c, err := client.DialFiles(x.Context(), x.opener, "/net.alt/tcp!"+to, "9")
			if err != nil {
				x.Fatal(err)
			}
			return c
		}
		c := dial(l.file("local"))
		b := l.listen()
		bd := b.data()
		io.WriteString(c, "hello")
		if got := x.read(bd); got != "hello" {
			x.Errorf("read %q", got)
		}
		done := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		c.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(time.Millisecond))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			x.Errorf("a read at its deadline: %v", err)
		}
		if got := x.read(bd); got != "" {
			x.Errorf("after the deadline, %q", got)
		}
		c.Close()

		c = dial(l.file("local"))
		done = make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			done <- err
		}()
		l.listen()
		c.Close()
		if err := <-done; err == nil {
			x.Error("a read of what was closed: no error")
		}
		gone := func() bool {
			f, err := x.root.Walk(x.Context(), "tcp", strings.TrimPrefix(l.dir, "tcp/"))
			if err == nil {
				f.Clunk(x.Context())
			}
			return err != nil
		}
		addr := l.file("local")
		l.end()
		if !srvtest.Until(gone) {
			x.Error("the conversation is still there")
		}
		for to, says := range map[string]string{
			"/net.alt/tcp!" + addr:      "connect " + addr + ": Connection refused",
			"/net.alt/nosuch!127.0.0.1": "dial /net.alt/nosuch!127.0.0.1: cs: ",
			"/net/tcp!127.0.0.1!7":      "dial /net/tcp!127.0.0.1!7: /net/tcp/clone: ",
		} {
			if _, err := client.DialFiles(x.Context(), x.opener, to, "9"); err == nil || !strings.Contains(err.Error(), says) {
				x.Errorf("%s: %v", to, err)
			}
		}
	})
}
