package factotum

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A Config says how a factotum is to be. The zero Config is the user's who runs it.
type Config struct {
	// Owner is the user whose keys these are; "": the one that the process runs as.
	Owner string
	// Log is given each line of the file log.
	Log func(line string)
	// AuthDial connects to the authentication server of a domain, for dp9ik; nil: there
	// is none, and only who has the server's own key can be its client.
	AuthDial func(ctx context.Context, dom string) (net.Conn, error)
	// Confirm is asked whether a key, told without its secrets, may be used, where nobody has
	// the file confirm open; nil: it may not.
	Confirm func(ctx context.Context, key Attrs) (bool, error)
	// NeedKey is asked for a key that a template describes and the owner needs, where nobody
	// has needkey open: it gives the whole of it. Its error leaves it missing. nil: nobody is.
	NeedKey func(ctx context.Context, template Attrs) (Attrs, error)
	// Caphash writes the hash of a capability to a broker (package capfs), so that a server
	// of dp9ik gets one to become the user by; nil: it gets none.
	Caphash func(ctx context.Context, hash []byte) error
}

// A Factotum has keys, and is the root of the tree to serve.
type Factotum struct {
	*srv.Dir
	cfg      Config
	protos   []proto
	ring     ring
	journal  *journal
	confirm  *asker
	needkey  *asker
	debug    atomic.Bool
	convs    atomic.Int64
	unlocked sync.Once
	store    *secstore // set before it is served; nil: none
}

// New makes a factotum without keys. Close wipes those that it was given.
func New(cfg Config) *Factotum {
	f := &Factotum{Dir: srv.NewDir(), cfg: cfg, protos: protos(), journal: newJournal(), confirm: newAsker("confirm"), needkey: newAsker("needkey")}
	if f.cfg.Owner == "" {
		f.cfg.Owner = srv.NewUser("", uint32(syscall.Getuid())).Name
	}
	f.Add("rpc", &rpcFile{srv.NewNode(0o666), f})
	f.Add("proto", srv.Text(0o444, func(context.Context) (string, error) { return f.protoText(), nil }))
	f.Add("ctl", &ctl{srv.NewNode(0o600), f})
	f.Add("confirm", f.confirm)
	f.Add("needkey", f.needkey)
	f.Add("log", f.journal)
	return f
}

// Close deletes all keys.
func (f *Factotum) Close() {
	f.ring.del(func(*key) bool { return true })
	f.closeStore()
}

// whoIs tells whose a request is.
func (f *Factotum) whoIs(ctx context.Context) who {
	u := srv.UserOf(ctx)
	if u == nil {
		return who{f.cfg.Owner, true}
	}
	return who{u.Name, u.Host()}
}

// Attach lets a user in: over a socket of this machine one is who the kernel says,
// and may say to be another only if he is root or factotum's own user.
func (f *Factotum) Attach(ctx context.Context, aname string) (srv.File, error) {
	if aname != "" && aname != "/" {
		return nil, p9.NewError(syscall.ENOENT, "no such tree: "+aname)
	}
	u := srv.UserOf(ctx)
	if uid, ok := srv.Peer(ctx); ok && u != nil && uid != 0 && uid != uint32(syscall.Getuid()) && u.Uid != uid {
		f.logf("attach as %s by user number %d: refused", srv.Quote(u.Name), uid)
		return nil, fmt.Errorf("attach as %s: %w", u.Name, p9.ErrPerm)
	}
	return f.Dir, nil
}

func (f *Factotum) number() int { return int(f.convs.Add(1)) }

func (f *Factotum) debugging() bool { return f.debug.Load() }

func invalid(text string) error { return p9.NewError(syscall.EINVAL, text) }

// ctl is the file of that name.
type ctl struct {
	srv.Node
	f *Factotum
}

// Open gives the keys of the moment to read.
func (c *ctl) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return &ctlHandle{srv.Bytes(c.f.ring.text()), c.f}, nil
}

type ctlHandle struct {
	srv.Bytes
	f *Factotum
}

// Write does the messages in p, a line each. Errors never have the line.
func (h *ctlHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	defer clear(p)
	for line := range strings.Lines(string(p)) {
		if err := h.f.Ctl(line); err != nil {
			h.f.logf("ctl: %v", err)
			return 0, err
		}
	}
	return len(p), nil
}

// Ctl does one message of the file ctl.
func (f *Factotum) Ctl(line string) error {
	line = strings.Trim(line, " \t\r\n")
	if line == "" || line[0] == '#' {
		return nil
	}
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "key", "delkey":
		a, err := ParseAttrs(rest)
		if err != nil {
			return invalid(verb + ": " + err.Error())
		}
		if verb == "key" {
			return f.AddKey(a, 0)
		}
		return f.DeleteKeys(a)
	case "debug":
		f.debug.Store(!f.debug.Load())
		return nil
	case "save":
		return f.SaveStore()
	}
	return invalid("unknown control message: not one of debug, delkey, key, save")
}
