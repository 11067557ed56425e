package ipcfs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// maxRules is how long all rules together can be, in bytes.
const maxRules = 1 << 20

// A plumber is the directory plumb.
type plumber struct {
	*srv.Dir
	cfg Config

	mu    sync.Mutex
	text  string // of the rules
	rules *rules
	ports map[string]*port
	err   error // of rules that were found wrong when nobody could be told
}

func newPlumber(cfg Config) *plumber {
	p := &plumber{Dir: srv.NewDir(), cfg: cfg, rules: &rules{}, ports: map[string]*port{}}
	p.Add("rules", &rulesFile{srv.NewNode(0o644), p})
	p.Add("send", &sendFile{srv.NewNode(0o222), p})
	return p
}

func (p *plumber) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, port := range p.ports {
		port.drop(errRemoved)
	}
}

func (p *plumber) status(b *strings.Builder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.ports)) {
		fmt.Fprintf(b, "plumb/%s readers %d\n", srv.Quote(name), p.ports[name].readers())
	}
	if p.err != nil {
		fmt.Fprintf(b, "plumb/rules err %s\n", srv.Quote(p.err.Error()))
	}
}

// use puts rules in force. p.mu is held.
func (p *plumber) use(text string, r *rules) {
	p.text, p.rules = text, r
	for _, name := range r.ports {
		if p.ports[name] == nil {
			p.ports[name] = &port{Node: srv.NewNode(0o444), name: name, post: post{depth: eventDepth}}
			p.Add(name, p.ports[name])
		}
	}
}

// add appends what is written to the rules; the end of it may be unfinished. What it gives
// back is what is left of the last line.
func (p *plumber) add(text string, last bool) (rest string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cut := strings.LastIndexByte(text, '\n') + 1
	rest = text[cut:]
	if last {
		text += "\n\n"
		cut, rest = len(text), ""
	}
	all := p.text + text[:cut]
	if len(all)+len(rest) > maxRules {
		return "", fmt.Errorf("rules longer than %d bytes: %w", maxRules, syscall.ENOSPC)
	}
	r, done, err := parseRules(all, last, p.cfg.Include)
	switch {
	case err == nil:
		p.use(all, r)
	case last:
		p.use(all[:done], r) // without the set that was never finished
	}
	return rest, err
}

// send does what the rules say with a message.
func (p *plumber) send(m *message) error {
	p.mu.Lock()
	t, set := p.rules.match(m)
	name := m.dst
	if t != nil {
		name = set.port
	}
	to := p.ports[name]
	p.mu.Unlock()
	switch {
	case t == nil && m.dst == "":
		return fmt.Errorf("no rule for %s: %w", srv.Quote(clip(m.data)), p9.ErrNotExist)
	case t == nil && to == nil:
		return fmt.Errorf("no rule and no port %s: %w", srv.Quote(m.dst), p9.ErrNotExist)
	case t == nil:
		return to.deliver(m, false)
	case set.start == nil:
		return to.deliver(&t.m, false)
	}
	if to != nil {
		if err := to.deliver(&t.m, set.client); err == nil || set.client && err != errHeld {
			return err
		}
	}
	return p.start(t, set)
}

// clip keeps an error's text short.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// start starts what a set names.
func (p *plumber) start(t *try, set *ruleSet) error {
	var argv []string
	for _, x := range set.start {
		argv = append(argv, t.value(x))
	}
	if p.cfg.Start == nil {
		return fmt.Errorf("start %s: %w", argv[0], p9.ErrNotSup)
	}
	if err := p.cfg.Start(argv, t.m.wdir); err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	return nil
}

// A sendFile is the file send.
type sendFile struct {
	srv.Node
	p *plumber
}

// Open begins a message.
func (f *sendFile) Open(context.Context, p9.Mode) (srv.Handle, error) {
	return &sendHandle{p: f.p}, nil
}

type sendHandle struct {
	p    *plumber
	mu   sync.Mutex
	part []byte // of a message that is not all there
}

// Write sends the messages that are whole now. One that fails is an error, and what was
// written behind it is forgotten.
func (h *sendHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := append(h.part, p...)
	h.part = nil
	for len(b) > 0 {
		m, n, err := parseMessage(b)
		if err == nil && n == 0 {
			h.part = append([]byte(nil), b...)
			break
		}
		if err == nil {
			err = h.p.send(m)
		}
		if err != nil {
			return 0, err
		}
		b = b[n:]
	}
	return len(p), nil
}

// A rulesFile is the file rules.
type rulesFile struct {
	srv.Node
	p *plumber
}

// Open gives the rules as they are to a reader, and empties them where it is asked to.
func (f *rulesFile) Open(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if mode&p9.OTRUNC != 0 {
		f.p.use("", &rules{})
		f.p.err = nil
	}
	if mode.Writable() {
		return &rulesHandle{Bytes: srv.Bytes(f.p.text), p: f.p}, nil
	}
	return srv.Bytes(f.p.text), nil
}

// Wstat empties the rules where they are cut to nothing.
func (f *rulesFile) Wstat(ctx context.Context, w p9.Wstat) error {
	if err := f.Node.Wstat(ctx, w); err != nil {
		return err
	}
	if w.Valid&p9.WLength != 0 && w.Length == 0 {
		f.p.mu.Lock()
		defer f.p.mu.Unlock()
		f.p.use("", &rules{})
	}
	return nil
}

type rulesHandle struct {
	srv.Bytes
	p    *plumber
	mu   sync.Mutex
	part string // of a line
	used bool
}

// Write adds rules.
func (h *rulesHandle) Write(_ context.Context, p []byte, _ int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rest, err := h.p.add(h.part+string(p), false)
	h.part, h.used = rest, true
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Clunk ends the last set.
func (h *rulesHandle) Clunk() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.used {
		return
	}
	_, err := h.p.add(h.part, true)
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	h.p.err = err
}

// Rules adds rule sets to the plumber's, as a write of the file rules does.
func (f *FS) Rules(text string) error {
	_, err := f.plumber.add(text, true)
	return err
}
