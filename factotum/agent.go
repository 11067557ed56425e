package factotum

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"ninespace/factotum/sshkey"
	"ninespace/srv"
)

// Messages of ssh-agent, draft-ietf-sshm-ssh-agent.
const (
	agentFailure    = 5
	agentSuccess    = 6
	agentList       = 11
	agentListed     = 12
	agentSign       = 13
	agentSigned     = 14
	agentAdd        = 17
	agentRemove     = 18
	agentRemoveAll  = 19
	agentLock       = 22
	agentUnlock     = 23
	agentAddBound   = 25
	agentExtension  = 27
	agentExtFailure = 28
	maxAgent        = 256 << 10 // bytes of a message
	flagSHA512      = 4
	boundLife       = 1
	boundConfirm    = 2
	boundExtension  = 255
	extensionBind   = "session-bind@openssh.com"

	extensionRestrict = "restrict-destination-v00@openssh.com"

	maxBinds    = 16
	unlockDelay = 100 * time.Millisecond // more with each try
)

// An Agent is a factotum's keys of ssh as an ssh-agent has them.
type Agent struct {
	f *Factotum
	// Upstream is the socket of another agent, whose keys are had through this one, such
	// as those of security keys (sk-); "": none.
	upstream string

	mu     sync.Mutex
	locked *[32]byte // the hash of salt and passphrase; nil: it is not
	salt   [16]byte
	tries  int
}

// NewAgent makes the agent that ServeAgent serves.
func (f *Factotum) NewAgent(upstream string) *Agent { return &Agent{f: f, upstream: upstream} }

// Serve serves factotum's own user, and root, until ctx ends or l fails.
func (a *Agent) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for {
		c, err := srv.Accept(ctx, l, nil)
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		if uid, ok := srv.PeerOf(c); !ok || uid != 0 && uid != uint32(syscall.Getuid()) {
			a.f.logf("ssh-agent: user number %d: refused", uid)
			c.Close()
			continue
		}
		wg.Go(func() { a.serve(ctx, c) })
	}
}

// serve reads messages besides answering them, so that one who hangs up is noticed
// while he is waited for at confirm.
func (a *Agent) serve(ctx context.Context, c io.ReadWriteCloser) {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { c.Close() })()
	s := &agentConn{a: a, ctx: ctx}
	defer s.close()
	msgs := make(chan []byte)
	go func() {
		defer cancel()
		for {
			m, err := readAgent(c)
			if err != nil {
				return
			}
			select {
			case msgs <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case m := <-msgs:
			r := s.answer(m)
			clear(m)
			if err := writeAgent(c, r); err != nil {
				cancel()
				return
			}
		case <-ctx.Done():
			c.Close()
			return
		}
	}
}

func readAgent(r io.Reader) ([]byte, error) {
	var h [4]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if n == 0 || n > maxAgent {
		return nil, fmt.Errorf("message of %d bytes", n)
	}
	m := make([]byte, n)
	_, err := io.ReadFull(r, m)
	return m, err
}

func writeAgent(w io.Writer, m []byte) error {
	_, err := w.Write(sshkey.AppendBytes(nil, m))
	return err
}

// An agentConn is one connection.
type agentConn struct {
	a     *Agent
	ctx   context.Context
	up    net.Conn
	binds []bind
	// A session was to be bound and could not be: keys with destinations are not there.
	badBind bool
}

func (s *agentConn) close() {
	if s.up != nil {
		s.up.Close()
	}
}

// answer does a message. What fails is logged, and only its failing told.
func (s *agentConn) answer(m []byte) []byte {
	r := &sshkey.Reader{B: m}
	kind := r.Byte()
	out, err := s.do(kind, r, m)
	switch {
	case err != nil:
		s.a.f.logf("ssh-agent: message %d: %v", kind, err)
		if errors.Is(err, errExtension) {
			return []byte{agentExtFailure}
		}
		return []byte{agentFailure}
	case out == nil:
		return []byte{agentSuccess}
	}
	return out
}

func (s *agentConn) do(kind byte, r *sshkey.Reader, m []byte) ([]byte, error) {
	a := s.a
	switch kind {
	case agentLock, agentUnlock:
		pass := r.Bytes()
		if err := r.End(); err != nil {
			return nil, err
		}
		return nil, a.lock(s.ctx, pass, kind == agentLock)
	case agentExtension:
		return s.extension(r, m)
	}
	if a.isLocked() {
		if kind == agentList {
			return []byte{agentListed, 0, 0, 0, 0}, nil
		}
		return nil, errors.New("it is locked")
	}
	switch kind {
	case agentList:
		return s.list(), r.End()
	case agentSign:
		blob, data, flags := r.Bytes(), r.Bytes(), r.Uint32()
		if err := r.End(); err != nil {
			return nil, err
		}
		return s.sign(blob, data, flags, m)
	case agentAdd, agentAddBound:
		return s.add(r, kind == agentAddBound, m)
	case agentRemove:
		blob := r.Bytes()
		if err := r.End(); err != nil {
			return nil, err
		}
		found := s.keys(Attr{Name: "pub", Value: base64.StdEncoding.EncodeToString(blob)})
		if len(found) == 0 {
			return s.pass(m)
		}
		release(found)
		a.f.delSSH(base64.StdEncoding.EncodeToString(blob))
		return nil, nil
	case agentRemoveAll:
		if err := r.End(); err != nil {
			return nil, err
		}
		a.f.delSSH("")
		s.pass(m)
		return nil, nil
	}
	return nil, errors.New("unknown message")
}

// keys gives the keys, held, that may be seen over the sessions that are bound.
func (s *agentConn) keys(more ...Attr) (seen []*key) {
	for _, k := range s.a.f.ring.find(who{host: true}, Attrs{{Name: "proto", Value: "ssh"}}.With(more...), false) {
		if s.usable(k.data.(*sshData), "") == nil {
			seen = append(seen, k)
		} else {
			k.release()
		}
	}
	return seen
}

func release(keys []*key) {
	for _, k := range keys {
		k.release()
	}
}

// list gives what there is here, and then what the other agent has.
func (s *agentConn) list() []byte {
	var body []byte
	seen := map[string]bool{}
	for _, k := range s.keys() {
		d := k.data.(*sshData)
		seen[string(d.Blob)] = true
		body = sshkey.AppendBytes(sshkey.AppendBytes(body, d.Blob), k.attrs.Get("comment"))
		k.release()
	}
	n := len(seen)
	if up, err := s.pass([]byte{agentList}); err == nil && len(up) > 0 && up[0] == agentListed {
		r := &sshkey.Reader{B: up[1:]}
		for range r.Uint32() {
			blob, comment := r.Bytes(), r.Bytes()
			if r.Err != nil {
				break
			}
			if !seen[string(blob)] {
				body = sshkey.AppendBytes(sshkey.AppendBytes(body, blob), comment)
				n++
			}
		}
	}
	return append(binary.BigEndian.AppendUint32([]byte{agentListed}, uint32(n)), body...)
}

func (s *agentConn) sign(blob, data []byte, flags uint32, m []byte) ([]byte, error) {
	found := s.a.f.ring.find(who{host: true}, Attrs{{Name: "proto", Value: "ssh"}, {Name: "pub", Value: base64.StdEncoding.EncodeToString(blob)}}, false)
	if len(found) == 0 {
		return s.pass(m)
	}
	defer release(found)
	k := found[0]
	d := k.data.(*sshData)
	if err := s.mayLogin(d, data); err != nil {
		return nil, err
	}
	if err := s.a.f.allowed(s.ctx, k); err != nil {
		return nil, err
	}
	algorithm := ""
	if d.Type == sshkey.RSA {
		algorithm = sshkey.RSASHA256 // and never SHA-1, which is asked for without a flag
		if flags&flagSHA512 != 0 {
			algorithm = sshkey.RSASHA512
		}
	}
	sig, err := d.Sign(data, algorithm)
	if err != nil {
		return nil, err
	}
	s.a.f.ring.mark(k, true)
	s.a.f.logf("ssh-agent: signed with %s", d.Fingerprint())
	return sshkey.AppendBytes([]byte{agentSigned}, sig), nil
}
