package netboot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"ninespace/srv"
	"ninespace/srv/ndb"
	"ninespace/srv/p9"
)

// tree makes the tree of files.
func (s *Server) tree() *srv.Dir {
	s.nodesDir = srv.NewDir()
	ctl := srv.Cmds(0o600, nil, map[string]func(context.Context, []string) error{
		"reload": func(_ context.Context, args []string) error {
			if len(args) != 0 {
				return errArgs
			}
			return s.reload()
		},
		"token": func(_ context.Context, args []string) error {
			if len(args) == 0 {
				return errArgs
			}
			return s.ctlToken(args[0], args[1:])
		},
		"forget": func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return errArgs
			}
			return s.ctlForget(args[0])
		},
	})
	return srv.NewDir().Add("ctl", ctl).
		Add("joined", text(func() (string, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.joined, nil
		})).
		Add("log", text(func() (string, error) { return s.logText(""), nil })).
		Add("ndb", text(func() (string, error) { return s.ndbText(), nil })).
		Add("status", text(func() (string, error) { return s.statusText(), nil })).
		Add("nodes", s.nodesDir)
}

func text(f func() (string, error)) srv.File {
	return srv.Text(0o444, func(context.Context) (string, error) { return f() })
}

var errArgs = errors.New("wrong number of arguments")

// nodeDir is a node's directory.
func (s *Server) nodeDir(n *node) *srv.Dir {
	ctl := srv.Cmds(0o600, nil, map[string]func(context.Context, []string) error{
		"token": func(_ context.Context, args []string) error { return s.ctlToken(n.ether, args) },
		"forget": func(_ context.Context, args []string) error {
			if len(args) != 0 {
				return errArgs
			}
			return s.ctlForget(n.ether)
		},
	})
	return srv.NewDir().Add("ctl", ctl).
		Add("join", &joinFile{srv.NewNode(0o600), s}).
		Add("log", text(func() (string, error) { return s.logText(n.ether), nil })).
		Add("script", text(func() (string, error) { return s.script(n, s.near(n.addr), false) })).
		Add("status", text(func() (string, error) { return s.nodeText(n), nil })).
		Add("token", srv.Text(0o400, func(context.Context) (string, error) {
			if t := s.tokenOf(n, false); t != "" {
				return t + "\n", nil
			}
			return "", nil
		}))
}

func (s *Server) ctlToken(ether string, args []string) error {
	d := tokenTime
	if len(args) > 1 {
		return errArgs
	}
	if len(args) == 1 {
		var err error
		if d, err = life(args[0]); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.nodeNamed(ether)
	if err != nil {
		return err
	}
	return s.arm(n, d)
}

func (s *Server) ctlForget(ether string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.nodeNamed(ether)
	if err != nil {
		return err
	}
	s.forget(n)
	if p, ok := s.db.find(n.machine); ok && s.db.ethers[n.ether] != nil { // ndb's own begins anew
		n = s.node(n.ether)
		n.known, n.addr, n.addr6 = true, p.addr, p.addr6
	}
	return nil
}

// statusText is what the server is and has done, as an entry.
func (s *Server) statusText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.count
	at := "netboot=none net=none"
	if s.addr.IsValid() {
		at = fmt.Sprintf("netboot=%s net=%s", s.addr, s.net)
	}
	if s.addr6.IsValid() {
		at += fmt.Sprintf(" netboot=%s net=%s", s.addr6, s.net6)
	}
	return fmt.Sprintf("%s proxy=%v nodes=%d leases=%d\n\tdhcp=%d offers=%d dropped=%d tftp=%d http=%d bytes=%d transfers=%d connections=%d joined=%d refused=%d\n",
		at, s.cfg.Proxy, len(s.nodes), len(s.leases), c.dhcp, c.offers, c.dropped, c.tftp, c.http, c.bytes, s.tftp.all, s.http.all, c.joined, c.refused)
}

func (s *Server) ndbText() string {
	s.mu.Lock()
	all := slices.Clone(s.db.all)
	s.mu.Unlock()
	var b strings.Builder
	for _, e := range all {
		for i, p := range e {
			sep := map[bool]string{true: "", false: " "}[i == 0]
			b.WriteString(sep + pairText(p))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func pairText(p ndb.Pair) string {
	if p.Val == "" {
		return p.Attr + "="
	}
	return p.Attr + "=" + quote(p.Val)
}

// A joinFile takes a request to join by a write and has the answer read.
type joinFile struct {
	srv.Node
	s *Server
}

func (f *joinFile) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return &joinHandle{s: f.s}, nil
}

type joinHandle struct {
	s      *Server
	mu     sync.Mutex
	answer srv.Bytes
}

func (h *joinHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	text, err := h.s.join(string(p), netip.Addr{})
	if err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer = srv.Bytes(text)
	return len(p), nil
}

func (h *joinHandle) Read(ctx context.Context, p []byte, off int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answer == "" {
		return 0, io.EOF
	}
	return h.answer.Read(ctx, p, off)
}
