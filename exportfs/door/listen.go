package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"time"

	"ninespace/exportfs/aan"
	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/factotum/users"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// Options say who is let in, and by which key the machine is known.
type Options struct {
	Key   string       // file of the machine's key, or its fingerprint; "": factotum's, or sshd's, or the user's own
	Users users.Policy // who is whom

	// Keep is how long a TCP connection is kept whose link is lost, until the caller has made
	// another one; 0: an hour.
	Keep time.Duration
}

// A Listener is a door that others come through.
type Listener struct {
	net.Listener
	o      Options
	key    *key // nil for a Unix socket, and Plan 9's door
	cert   *tls.Certificate
	plan9  bool
	done   func()     // the key's
	places places     // of those who are not yet known
	aan    aan.Server // what TLS connections carry
}

// Listen opens a door at a dial string.
func Listen(addr string, o Options) (*Listener, error) {
	network, address, err := p9.ParseDial(addr, Port)
	if err != nil {
		return nil, err
	}
	l := &Listener{o: o, done: func() {}, aan: carrier(o.Keep)}
	if network != "unix" {
		keys, done, err := findKeys(context.Background(), o.Key, true)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", addr, err)
		}
		l.key, l.done = &keys[0], done
		if l.cert, err = auth.Wrap(l.key.signer, l.key.pub); err != nil {
			done()
			return nil, fmt.Errorf("announce %s: %w", addr, err)
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("announce %s: %w", addr, err)
		}
		if host == "" {
			host = "*"
		}
		addr = "tcp!" + host + "!" + port
	}
	if l.Listener, err = srv.Announce(addr); err != nil {
		l.done()
		return nil, err
	}
	return l, nil
}

// Post opens a door on a socket of the given name in the name space directory.
func Post(name string) (*Listener, error) {
	l, err := srv.Post(name)
	if err != nil {
		return nil, err
	}
	return &Listener{Listener: l, done: func() {}}, nil
}

// Close closes the door. Who came through it is not concerned.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	l.done()
	return err
}

// ErrLeft says that a caller hung up before it had said anything, or that it only goes on
// with what it had begun: there is nothing to do.
var ErrLeft = errors.New("hung up")

// Admit finds out who a caller is that Accept gave, and what it wants: it is for Conn.Accept
// or Refuse to say whether it gets that. Whoever may not come in has been told, the
// connection is closed, and the error says why.
func (l *Listener) Admit(ctx context.Context, raw net.Conn) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	c, err := l.admit(ctx, raw)
	if err == nil && c == nil {
		return nil, ErrLeft // a further link
	}
	if err != nil {
		raw.Close()
		if left(err) {
			return nil, ErrLeft
		}
		return nil, err
	}
	return c, nil
}

// left tells of an error that it is somebody's having hung up.
func left(err error) bool { return errors.Is(err, io.EOF) }

func (l *Listener) admit(ctx context.Context, raw net.Conn) (*Conn, error) {
	leave, err := l.places.enter(raw.RemoteAddr())
	if err != nil {
		return nil, err
	}
	defer leave()
	if l.plan9 {
		return l.admitPlan9(ctx, raw)
	}
	if l.key == nil {
		deadline(raw, greetLimit)
		u, err := peerUser(raw)
		if err != nil {
			return nil, err
		}
		return admitUnix(raw, u)
	}
	return admitTLS(ctx, raw, serverTLS(l.cert), &l.aan, func(c *tls.Conn, w Want) (Peer, error) {
		cs := c.ConnectionState()
		pub, err := auth.PeerKey(&cs)
		if err != nil {
			return Peer{}, err
		}
		return l.whose(pub, w, raw.RemoteAddr().String())
	})
}

// whose says whom a key lets in that was proved at an address.
func (l *Listener) whose(pub *sshkey.Public, w Want, addr string) (Peer, error) {
	var from netip.Addr
	if a, err := netip.ParseAddrPort(addr); err == nil {
		from = a.Addr()
	}
	u, g, err := l.o.Users.Key(w.User, pub, from, time.Now())
	if err != nil {
		return Peer{}, fmt.Errorf("user %.64q, key %s: %w", w.User, pub.Fingerprint(), err)
	}
	return Peer{User: u.Name, Key: pub.Fingerprint(), Addr: addr, Command: g.Command, Restrict: g.Restrict}, nil
}

func readWant(c io.ReadWriter) (Want, error) {
	line, err := ReadLine(c)
	if err != nil {
		return Want{}, err
	}
	w, err := ParseWant(line)
	if err == nil && w.Service == Plan9 {
		err = errors.New("that is for another door")
	}
	if err != nil {
		refuse(c, "no", err.Error())
	}
	return w, err
}

// admitUnix is for a caller whom the kernel names: the user who serves here, or anybody if
// that is root.
func admitUnix(raw net.Conn, u *user.User) (*Conn, error) {
	me := strconv.Itoa(os.Geteuid())
	if me != "0" && u.Uid != me {
		refuse(raw, "no", "this is another user's door")
		return nil, fmt.Errorf("user %s is not who serves here", u.Username)
	}
	w, err := readWant(raw)
	if err != nil {
		return nil, err
	}
	if w.User != "" && w.User != u.Username {
		err := fmt.Errorf("user %s cannot be %.64q here", u.Username, w.User)
		refuse(raw, "no", err.Error())
		return nil, err
	}
	return &Conn{ReadWriteCloser: raw, Want: w, Peer: Peer{User: u.Username, Addr: "unix"}}, nil
}

// Stdio is the far side's end where somebody else has let the caller in, sshd or a Listener
// in another process: rwc leads to the caller. line is what it wants, or "" where that is to be
// read first; ErrLeft says that nothing came.
func Stdio(rwc io.ReadWriteCloser, line string) (*Conn, error) {
	var w Want
	var err error
	if line != "" {
		w, err = ParseWant(line)
	} else {
		deadline(rwc, greetLimit) // of a socket; who comes by ssh is let in
		if w, err = readWant(rwc); left(err) {
			err = ErrLeft
		}
	}
	if err != nil {
		return nil, err
	}
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		u = &user.User{Username: strconv.Itoa(os.Geteuid())}
	}
	c := &Conn{ReadWriteCloser: rwc, Want: w, Peer: Peer{User: u.Username}}
	if w.User != "" && w.User != u.Username && w.User != u.Uid {
		err := fmt.Errorf("user %s cannot be %.64q here", u.Username, w.User)
		c.Refuse(err)
		return nil, err
	}
	return c, nil
}
