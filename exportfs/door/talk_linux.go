package door

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"ninespace/factotum/auth"
	"ninespace/factotum/proof"
	"ninespace/factotum/sshkey"
)

// A talk is the broker's end of a conversation about one caller (see desk). What comes is
// from the listener, which is not believed: one signature is made, one proof is looked at,
// and for that one session begins.
type talk struct {
	g     *Guard
	l     *Listener
	addr  string
	cert  []byte // that the caller is shown
	leave func()

	asked    map[byte]bool
	until    context.Context // how long factotum may take
	factotum *auth.Factotum
	rpc      *auth.RPC
	who      *Conn  // who was proved: Want and Peer
	granted  string // the capability for that, which ends with the conversation
	wait     func() error
}

func (t *talk) close() {
	if t.granted != "" {
		t.g.caps.Use(none, t.granted)
	}
	if t.factotum != nil {
		t.factotum.Close()
	}
	if t.rpc != nil {
		t.rpc.Close()
	}
}

// errSlowFactotum ends a conversation that factotum does not go on with.
const errSlowFactotum = fault("factotum takes too long")

// errAsked says that the listener asks for what it may not have.
var errAsked = errors.New("the listener asks for more than there is for it")

// serve answers until the listener has what it wants, and then waits for the session.
func (t *talk) serve(ctx context.Context, conv *net.UnixConn) error {
	t.asked = map[byte]bool{}
	var done context.CancelFunc
	t.until, done = context.WithTimeoutCause(ctx, deskLimit, errSlowFactotum)
	defer done()
	b := make([]byte, maxPacket)
	for {
		n, err := conv.Read(b)
		if n == 0 || err != nil {
			if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return err
		}
		word, data := b[0], b[1:n]
		if word == askSay {
			return errors.New(Plain(string(data)))
		}
		out, file, err := t.answer(ctx, word, data)
		if errors.Is(err, errAsked) {
			return err
		}
		if t.wait == nil && t.until.Err() != nil {
			return context.Cause(t.until)
		}
		var short auth.ShortError
		switch {
		case err == nil:
			out = append([]byte{answerOK}, out...)
		case err == auth.ErrDone:
			out = []byte{answerDone}
		case err == auth.ErrPhase:
			out = []byte{answerPhase}
		case errors.As(err, &short):
			out = binary.BigEndian.AppendUint32([]byte{answerShort}, uint32(short))
		case errors.Is(err, auth.ErrNotAuthorized):
			t.g.Log(t.addr, err)
			out = []byte{answerWho}
			var h auth.Hint
			if errors.As(err, &h) {
				out = append(out, h...)
			}
		default:
			out = append([]byte{answerNo}, err.Error()...)
		}
		if file != nil {
			err = send(conv, out, file)
			file.Close()
		} else {
			err = send(conv, out)
		}
		clear(out)
		if t.wait != nil {
			t.close()
			t.rpc, t.factotum = nil, nil
			t.leave()
			return t.wait() // and the listener hears of it as the conversation ends
		}
		if err != nil {
			return err
		}
	}
}

func (t *talk) answer(ctx context.Context, word byte, data []byte) ([]byte, *os.File, error) {
	switch {
	case word == askRead && t.rpc != nil:
		b, err := t.rpc.Read(t.until)
		return b, nil, err
	case word == askWrite && t.rpc != nil:
		return nil, nil, t.rpc.Write(t.until, data)
	case t.asked[word]:
		return nil, nil, errAsked
	}
	t.asked[word] = true
	switch {
	case word == askSign && t.cert != nil:
		sig, err := t.sign(data)
		return sig, nil, err
	case word == askProve && t.cert != nil:
		b, err := t.prove(data)
		return b, nil, err
	case word == askStart && t.l.plan9:
		return nil, nil, t.start()
	case word == askInfo && t.rpc != nil:
		b, err := t.info()
		return b, nil, err
	case word == askUse:
		f, err := t.use(ctx, string(data))
		return nil, f, err
	}
	return nil, nil, errAsked
}

// sign signs what a server of TLS 1.3 does, and nothing else.
func (t *talk) sign(msg []byte) ([]byte, error) {
	hash, ok := bytes.CutPrefix(msg, []byte(strings.Repeat(" ", 64)+"TLS 1.3, server CertificateVerify\x00"))
	if !ok || len(hash) != 32 && len(hash) != 48 {
		return nil, errAsked
	}
	return crypto.SignMessage(t.l.key.signer, rand.Reader, msg, t.l.key.pub.Hash())
}

// prove looks at the proof of a caller's key.
func (t *talk) prove(data []byte) ([]byte, error) {
	r := &sshkey.Reader{B: data}
	w := Want{User: r.String(), Service: r.String(), Arg: r.String()}
	if r.Err != nil || len(w.String()) > maxLine || strings.ContainsAny(w.String(), "\x00\n") || w.Service == Plan9 {
		return nil, errAsked
	}
	leaf, err := proof.Check(r.B, t.cert)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAsked, err)
	}
	pub, err := auth.KeyOf(leaf)
	if err != nil {
		return nil, err
	}
	p, err := t.l.whose(pub, w, t.addr)
	if err != nil {
		return nil, err
	}
	return t.grant(w, p), nil
}

// start begins the conversation in which factotum proves who a caller from Plan 9 is.
func (t *talk) start() (err error) {
	if t.factotum, err = auth.Dial(t.until, ""); err != nil {
		return fmt.Errorf("factotum: %w", err)
	}
	t.rpc, err = t.factotum.Plan9Talk(t.until)
	return err
}

func (t *talk) info() ([]byte, error) {
	i, err := t.rpc.Info(t.until)
	if err != nil {
		return nil, err
	}
	defer clear(i.Secret)
	secret := sshkey.AppendBytes(nil, i.Secret)
	p, err := t.l.named(i, t.addr)
	if err != nil { // which it hears as one who was let in, and then left
		t.g.Log(t.addr, err)
		return secret, nil
	}
	return append(secret, t.grant(Want{Service: Plan9, User: p.User}, p)...), nil
}

// grant gives a capability for the session of whom was proved.
func (t *talk) grant(w Want, p Peer) []byte {
	t.who, t.granted = &Conn{Want: w, Peer: p}, t.g.caps.Grant(none, p.User)
	var b []byte
	for _, s := range []string{p.User, p.Key, p.Addr, t.granted} {
		b = sshkey.AppendBytes(b, s)
	}
	return b
}

// use has the session begin that a capability is for.
func (t *talk) use(ctx context.Context, capability string) (*os.File, error) {
	to, err := t.g.caps.Use(none, capability)
	if err != nil || t.who == nil || to != t.who.Peer.User {
		return nil, errAsked
	}
	ours, err := pair()
	if err != nil {
		return nil, err
	}
	defer ours[1].Close()
	if t.wait, err = t.g.begin(ctx, t.who, ours[1]); err != nil {
		ours[0].Close()
		return nil, err
	}
	return ours[0], nil
}
