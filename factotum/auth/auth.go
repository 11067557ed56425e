// Package auth is the client's side of factotum: programs that authenticate, or have
// somebody authenticate himself, do it here and have no key. A Factotum is a connection
// to one, an RPC a conversation of a protocol.
//
// It gives 9P servers and clients their authentication (Factotum.Auth, Factotum.Attach),
// connections auth_proxy's (Factotum.Proxy), and TLS configurations whose keys are
// factotum's and which know their peers by OpenSSH's files authorized_keys and known_hosts.
package auth

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A Factotum is a connection to one. It may be used by many goroutines at once.
type Factotum struct {
	conn *client.Conn
	root *client.Fid

	mu      sync.Mutex
	idle    []*RPC          // of Once
	limited context.Context // for signatures, until ends
	ends    time.Time
}

// Dial connects to the factotum at a dial string, or to the one posted as "factotum"
// where that is "".
func Dial(ctx context.Context, dialstring string) (*Factotum, error) {
	var c *client.Conn
	var err error
	if dialstring == "" {
		c, err = DialOwn(ctx, "factotum", nil)
	} else {
		c, err = client.Dial(ctx, dialstring, nil)
	}
	if err != nil {
		return nil, err
	}
	root, err := c.Attach(ctx, nil, "", "")
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("factotum: %w", err)
	}
	return &Factotum{conn: c, root: root}, nil
}

// DialOwn connects to a server, and if that is one in the caller's directory of posted servers,
// nobody else can have posted it there: what is told by a factotum is believed, and it is
// told passwords. Other dial strings are the user's own choice.
func DialOwn(ctx context.Context, name string, o *client.Options) (*client.Conn, error) {
	dir := p9.Namespace()
	network, sock, err := p9.ParseDial(name, "564")
	if err != nil || network != "unix" || filepath.Dir(sock) != filepath.Clean(dir) {
		return client.Dial(ctx, name, o)
	}
	fi, err := os.Lstat(dir)
	if err == nil {
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 || ok && !own(st.Uid) {
			return nil, fmt.Errorf("%s: %s is not a directory of yours alone", name, dir)
		}
	}
	conn, err := client.DialStream(ctx, name, "564")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: nine factotum posts one", err)
	}
	if err != nil {
		return nil, err
	}
	// It may have been another directory by then.
	if uid, ok := srv.PeerOf(conn); !ok || !own(uid) {
		conn.Close()
		return nil, fmt.Errorf("%s: %s has another user's server", name, sock)
	}
	return client.New(ctx, conn, o)
}

func own(uid uint32) bool { return uid == 0 || uid == uint32(os.Geteuid()) }

// Close ends the connection and its conversations.
func (f *Factotum) Close() error { return f.conn.Close() }

// An RPC is a conversation. Its methods are called one after the other.
type RPC struct {
	fid *client.Fid
	buf []byte
}

// Errors of conversations. A NeedKeyError is another.
var (
	ErrDone  = errors.New("the conversation is over")            // and well
	ErrPhase = errors.New("it is the other party's turn")        // read where it is time to write, or write where it is to read
	errReply = errors.New("factotum: a reply that is not known") // which may have anything, so it is not told
)

// A NeedKeyError says that factotum has no key like that, or that the one it has was wrong.
type NeedKeyError struct {
	Template string // factotum -g asks for it
	Bad      bool
}

func (e *NeedKeyError) Error() string {
	if e.Bad {
		return "the key was wrong: " + e.Template
	}
	return "factotum has no key: " + e.Template
}

// A ShortError is the reply toosmall: how long what came from the other party has to be.
type ShortError int

func (e ShortError) Error() string { return fmt.Sprintf("message is shorter than %d bytes", int(e)) }

const maxReply = 64<<10 + 16

// Start begins a conversation with the attributes of rpc's start.
func (f *Factotum) Start(ctx context.Context, attrs string) (*RPC, error) {
	r, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := r.do(ctx, "start", []byte(attrs)); err != nil && err != ErrDone {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (f *Factotum) open(ctx context.Context) (*RPC, error) {
	fid, err := f.root.WalkOpen(ctx, p9.ORDWR, "rpc")
	if err != nil {
		return nil, fmt.Errorf("factotum: rpc: %w", err)
	}
	return &RPC{fid: fid, buf: make([]byte, maxReply)}, nil
}

// maxIdle is how many opens of rpc Once keeps for the next.
const maxIdle = 4

// Once is a conversation in which a message is written and one is read, such as that of a
// signature. It takes a round trip, one more the first time.
func (f *Factotum) Once(ctx context.Context, attrs string, msg []byte) ([]byte, error) {
	f.mu.Lock()
	var r *RPC
	if n := len(f.idle); n > 0 {
		r, f.idle = f.idle[n-1], f.idle[:n-1]
	}
	f.mu.Unlock()
	if r == nil {
		var err error
		if r, err = f.open(ctx); err != nil {
			return nil, err
		}
	}
	b, err := r.do(ctx, "once", append([]byte(attrs+"\n"), msg...))
	b = bytes.Clone(b)
	clear(r.buf)
	f.mu.Lock()
	keep := err == nil && len(f.idle) < maxIdle
	if keep {
		f.idle = append(f.idle, r)
	}
	f.mu.Unlock()
	if !keep {
		r.Close()
	}
	return b, err
}

// Close ends the conversation. It does not wait for factotum, which may be why it ends.
func (r *RPC) Close() {
	clear(r.buf)
	r.fid.Drop()
}

// do makes a request and gives what its reply has; that is part of r.buf.
func (r *RPC) do(ctx context.Context, verb string, data []byte) ([]byte, error) {
	req := append(append([]byte(verb), ' '), data...)
	if verb == "read" || verb == "authinfo" || verb == "attr" {
		req = req[:len(verb)]
	}
	defer clear(req)
	n, err := r.fid.Ask(ctx, req, r.buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("factotum: %w", err)
	}
	word, rest, _ := bytes.Cut(r.buf[:n], []byte(" "))
	switch string(word) {
	case "ok":
		return rest, nil
	case "done":
		return nil, ErrDone
	case "phase":
		return nil, ErrPhase
	case "needkey", "badkey":
		return nil, &NeedKeyError{string(rest), string(word) == "badkey"}
	case "toosmall":
		if n, err := strconv.Atoi(string(rest)); err == nil {
			return nil, ShortError(n)
		}
	case "error":
		return nil, errors.New(string(rest))
	}
	return nil, errReply
}

// Read gives what is to be sent to the other party: ErrDone when it is over, ErrPhase
// when something is to come from there first.
func (r *RPC) Read(ctx context.Context) ([]byte, error) {
	b, err := r.do(ctx, "read", nil)
	return bytes.Clone(b), err
}

// Write gives what came from the other party.
func (r *RPC) Write(ctx context.Context, p []byte) error {
	_, err := r.do(ctx, "write", p)
	return err
}

// Info is who the other party is, and what both know: AuthInfo of auth(2).
type Info struct {
	Cuid, Suid string
	Dom        string // the domain that says so, "" where the protocol has none
	Cap        string // for a server: a capability to become Suid, where factotum makes them
	Secret     []byte
}

// Info gives it, when the conversation is over.
func (r *RPC) Info(ctx context.Context) (*Info, error) {
	b, err := r.do(ctx, "authinfo", nil)
	if err != nil {
		return nil, err
	}
	var f [4][]byte
	for i := range f {
		if len(b) < 2 || len(b)-2 < int(binary.LittleEndian.Uint16(b)) {
			return nil, errReply
		}
		n := int(binary.LittleEndian.Uint16(b))
		f[i], b = b[2:2+n], b[2+n:]
	}
	i := &Info{Cuid: string(f[0]), Suid: string(f[1]), Cap: string(f[2]), Secret: bytes.Clone(f[3])}
	if b, err = r.do(ctx, "attr", nil); err != nil {
		return nil, err
	}
	i.Dom = attr(string(b), "dom")
	return i, nil
}

// attr gives the value of an attribute, "" without it, in a tuple quoted as rc has it.
func attr(tuple, name string) string {
	for tuple != "" {
		var word strings.Builder
		quoted := false
		i := 0
		for ; i < len(tuple) && (quoted || tuple[i] != ' '); i++ {
			switch {
			case tuple[i] != '\'':
				word.WriteByte(tuple[i])
			case quoted && strings.HasPrefix(tuple[i+1:], "'"):
				word.WriteByte('\'')
				i++
			default:
				quoted = !quoted
			}
		}
		if n, value, ok := strings.Cut(word.String(), "="); ok && n == name {
			return value
		}
		tuple = strings.TrimLeft(tuple[i:], " ")
	}
	return ""
}

const maxMessage = 8 << 10 // of a protocol that is proxied

// A Talk is a conversation with factotum, wherever that is: an RPC, or one that somebody else
// has for us.
type Talk interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, p []byte) error
	Info(ctx context.Context) (*Info, error)
	Close()
}

// Proxy authenticates over a stream by a protocol such as p9any, as auth_proxy of auth(2)
// does. It reads not a byte more of the stream than the protocol has.
func (f *Factotum) Proxy(ctx context.Context, stream io.ReadWriter, attrs string) (*Info, error) {
	r, err := f.Start(ctx, attrs)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return proxy(ctx, stream, r)
}

func proxy(ctx context.Context, stream io.ReadWriter, r Talk) (*Info, error) {
	for {
		b, err := r.Read(ctx)
		switch {
		case err == nil:
			if _, err := stream.Write(b); err != nil {
				return nil, err
			}
			continue
		case err == ErrDone:
			return r.Info(ctx)
		case err != ErrPhase:
			return nil, err
		}
		var in []byte
		for {
			err := r.Write(ctx, in)
			short, ok := err.(ShortError)
			if !ok {
				if err != nil && err != ErrDone {
					return nil, err
				}
				break
			}
			if int(short) <= len(in) || int(short) > maxMessage {
				return nil, errReply
			}
			at := len(in)
			in = append(in, make([]byte, int(short)-at)...)
			if _, err := io.ReadFull(stream, in[at:]); err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					err = errors.New("the other party hung up")
				}
				return nil, fmt.Errorf("authenticate: %w", err)
			}
		}
	}
}
