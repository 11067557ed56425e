package ns

import (
	"bytes"
	"context"
	"io/fs"
	"iter"
	"os"
	"strconv"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// A hungDir is a directory in which nobody gets an answer to making a file, until its end.
type hungDir struct {
	dir        *srv.Dir // which is Inline: it has none that hangs
	begun, end chan struct{}
}

func (d *hungDir) Walk(ctx context.Context, name string) (srv.File, error) {
	return d.dir.Walk(ctx, name)
}

func (d *hungDir) Create(context.Context, string, fs.FileMode, p9.Mode) (srv.File, srv.Handle, error) {
	close(d.begun)
	<-d.end
	return nil, nil, p9.ErrPerm
}

func (d *hungDir) Stat(ctx context.Context) (p9.Stat, error) {
	st, err := d.dir.Stat(ctx)
	st.Mode |= 0o777
	return st, err
}

func (d *hungDir) List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return d.dir.List(ctx, cookie)
}

// TestLockedHung has a server not answer a request that has a directory locked, while many get locks
// there and the directory's names are told again and again: the engine has few threads wait for
// that, and who gets a lock of another server's file sees what was written under the one before.
func TestLockedHung(t *testing.T) {
	d := &hungDir{srv.NewDir().Add("sub", srv.NewDir()), make(chan struct{}), make(chan struct{})}
	hung := srvtest.NewLink(t, srv.New(srv.NewDir().Add("D", d).Add("f", srv.Const("x\n"))), 0)
	s := srv.New(ramfs.New())
	s.Leases = nil
	quick := srvtest.NewLink(t, s, 0)
	m := mountGroup(t, "mount -c "+hung.Addr+" /n/e\nmount -c "+quick.Addr+" /n/x")
	other := mountGroup(t, "mount -c "+quick.Addr+" /n/x")
	is := bytes.Repeat([]byte{'a'}, 12288)
	other.sh(t, "/n/x", fillBy(len(is), 0, 'a'))
	l := m.looker(t, "f", os.O_RDONLY)
	m.sh(t, "/n/e", "stat D/sub f")
	mkdir := m.command("/n/e/D", "mkdir new 2>/dev/null")
	if err := mkdir.Start(); err != nil {
		t.Fatal(err)
	}
	defer mkdir.Wait()
	defer close(d.end)
	<-d.begun
	was, _ := strconv.Atoi(m.asked(t, "forget 0"))
	const lockers = `for i in $(seq 30); do
	(for j in 1 2 3; do flock -s f true; done) &
done
for i in $(seq 30); do
	stat D/sub >/dev/null
	sleep .1
done`
	m.sh(t, "/n/e", lockers) // and those that are left go on
	if n, err := strconv.Atoi(m.asked(t, "forget 0")); err != nil || n > was+namesThreads {
		t.Errorf("%d threads, %d before: %v", n, was, err)
	}
	for _, c := range pageChanges()[:3] {
		other.change(t, c)
		is = c.then(is)
		if got, want := l.look(t, "flock"), wantSeen(is); got != want {
			t.Errorf("%s: who gets a lock sees\n%s, not\n%s", c.do, got, want)
		}
	}
}

// namesThreads is how many more threads may be there for one directory that is locked, with
// those that Go has for requests that are under way.
const namesThreads = 25
