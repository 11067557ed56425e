package ns

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A giving is a server's directory with room for a file, which can be given away or cannot.
type giving struct {
	keeps bool

	mu    sync.Mutex
	stays bool // its mode
	wrote bool
	file  p9.Stat // without a name: there is none
	setId []p9.Stat
}

func (g *giving) Stat(context.Context) (p9.Stat, error) {
	return p9.Stat{Name: "/", Mode: fs.ModeDir | 0o777, Qid: p9.Qid{Type: p9.QTDIR}}, nil
}

func (g *giving) Walk(_ context.Context, name string) (srv.File, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file.Name == "" || g.file.Name != name {
		return nil, fs.ErrNotExist
	}
	return (*given)(g), nil
}

func (g *giving) Create(_ context.Context, name string, perm fs.FileMode, _ p9.Mode) (srv.File, srv.Handle, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.file = p9.Stat{Name: name, Mode: perm, Qid: p9.Qid{Path: 1}}
	g.look()
	return (*given)(g), (*given)(g), nil
}

// look notes that the file has set-id bits, and who it is of then.
func (g *giving) look() {
	if g.file.Mode&setId != 0 {
		g.setId = append(g.setId, g.file)
	}
}

type given giving

func (f *given) Stat(context.Context) (p9.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file, nil
}

func (f *given) Open(context.Context, p9.Mode) (srv.Handle, error) { return f, nil }

func (f *given) Read(context.Context, []byte, int64) (int, error) { return 0, nil }

func (f *given) Write(_ context.Context, p []byte, _ int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrote = true
	return len(p), nil
}

func (f *given) Wstat(_ context.Context, w p9.Wstat) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.Valid&(p9.WUid|p9.WGid) != 0 && f.keeps {
		return errors.New("nobody gives files away")
	}
	if w.Valid&p9.WMode != 0 && f.stays {
		return errors.New("modes are for good")
	}
	if w.Valid&p9.WMode != 0 { // first, as some do
		f.file.Mode = w.Mode
		(*giving)(f).look()
	}
	if w.Valid&p9.WUid != 0 {
		f.file.Nuid = w.Nuid
	}
	if w.Valid&p9.WGid != 0 {
		f.file.Ngid = w.Ngid
	}
	return nil
}

// TestGive: a set-uid file that a user makes in what root has mounted is never root's.
func TestGive(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	for _, keeps := range []bool{false, true} {
		g := &giving{keeps: keeps}
		l := srvtest.NewLink(t, srv.New(g), 0)
		m := mountGroup(t, "mount -c "+l.Addr+" /n/x")
		m.sh(t, "/n/x", `setpriv --reuid 12345 --regid 54321 --clear-groups perl -e '
			umask 0;
			sysopen(F, "f", 0102, 04777) or die $!'`)
		g.mu.Lock()
		if g.file.Name == "" {
			t.Error("nothing is made")
		}
		for _, st := range g.setId {
			if st.Nuid != 12345 || st.Ngid != 54321 {
				t.Errorf("keeps %v: mode %v of %d, %d", keeps, st.Mode, st.Nuid, st.Ngid)
			}
		}
		if !keeps && len(g.setId) == 0 {
			t.Error("its owner's it is not either")
		}
		g.mu.Unlock()
	}
}

// TestKillSuid: nobody writes to another's set-uid file that stays one.
func TestKillSuid(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	g := &giving{file: p9.Stat{Name: "f", Mode: fs.ModeSetuid | 0o777, Qid: p9.Qid{Path: 1}}}
	l := srvtest.NewLink(t, srv.New(g), 0)
	m := mountGroup(t, "mount -c "+l.Addr+" /n/x")
	const write = `setpriv --reuid 12345 --regid 54321 --clear-groups perl -e '
		open(F, "+<", "f") or die $!;
		exit(syswrite(F, "text") ? 0 : 1)'`
	g.mu.Lock()
	g.stays = true
	g.mu.Unlock()
	err := m.command("/n/x", write).Run()
	g.mu.Lock()
	if err == nil || g.wrote {
		t.Errorf("%v, written %v", err, g.wrote)
	}
	g.stays = false
	g.mu.Unlock()
	m.sh(t, "/n/x", write)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.wrote || g.file.Mode&setId != 0 {
		t.Errorf("written %v, mode %v", g.wrote, g.file.Mode)
	}
}
