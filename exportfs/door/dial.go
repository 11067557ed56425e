package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ninespace/exportfs/aan"
	"ninespace/factotum/auth"
	"ninespace/factotum/sshkey"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Local is the address of this user's own cpud, posted as "cpu".
const Local = "local"

// maxKeys is how many keys are tried.
const maxKeys = 6

// A Dialer says how to get to the far side. The zero Dialer does what ssh would.
type Dialer struct {
	Key    string               // file of the key to show, or its fingerprint; "": any that is there
	Known  string               // known_hosts; "" is ~/.ssh/known_hosts
	Pinned bool                 // a host of which Known has a key is it by that alone, whoever certifies another
	Jump   string               // addresses to go through, parted by commas
	SSH    []string             // the command ssh and its options; nil: ssh
	Stderr io.Writer            // ssh's; nil: none
	Log    func(string, ...any) // is told what is done; nil: nobody

	net string // the directory of the network that is dialled by; "": the machine's own
}

func (d *Dialer) log(format string, args ...any) {
	if d.Log != nil {
		d.Log(format, args...)
	}
}

// Dial connects to the far side at addr and asks for what is wanted. The Conn is as the far
// side's Accept leaves it: what the service speaks comes next.
func (d *Dialer) Dial(ctx context.Context, addr string, w Want) (*Conn, error) {
	network, address := "ssh", strings.TrimPrefix(addr, "ssh!")
	if address == addr {
		at := addr
		if at == Local {
			at = "cpu"
		}
		if dir, rest, ok := client.SplitNet(at); ok {
			by := *d
			by.net, d, at = dir, &by, rest
		}
		var err error
		if network, address, err = p9.ParseDial(at, Port); err != nil {
			return nil, err
		}
		if d.net != "" && network != "tcp" {
			return nil, fmt.Errorf("dial %s: not tcp", addr)
		}
	}
	c, err := d.dial(ctx, network, address, w)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return c, nil
}

func (d *Dialer) dial(ctx context.Context, network, address string, w Want) (*Conn, error) {
	if strings.ContainsAny(w.User+w.Arg, "\x00\n") {
		return nil, errors.New("what is wanted has a control character")
	}
	switch network {
	case "ssh":
		return d.dialSSH(ctx, address, w)
	case "unix":
		return d.dialUnix(ctx, address, w)
	}
	if w.User == "" {
		u, err := user.Current()
		if err != nil {
			return nil, err
		}
		w.User = u.Username
	}
	keys, done, err := findKeys(ctx, d.Key, false)
	if err != nil {
		// Who is not there needs no key.
		c, nobody := d.stream(ctx, address)
		if nobody != nil {
			return nil, p9.Fact(nobody)
		}
		c.Close()
		return nil, err
	}
	defer done()
	var told error // by a refusal that says more than that it is one
	for i, k := range keys {
		c, err := d.dialTLS(ctx, address, w, k)
		var r *refusal
		if !errors.As(err, &r) || !r.key {
			return c, err
		}
		if told == nil || r.text != auth.ErrNotAuthorized.Error() {
			told = err
		}
		if i+1 == min(len(keys), maxKeys) {
			return nil, told
		}
		d.log("key %s is refused", k.pub.Fingerprint())
	}
	return nil, errNoKey
}

func (d *Dialer) dialUnix(ctx context.Context, path string, w Want) (*Conn, error) {
	var nd net.Dialer
	c, err := nd.DialContext(ctx, "unix", path)
	if err != nil {
		if path == filepath.Join(p9.Namespace(), "cpu") && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)) {
			return nil, fmt.Errorf("no cpud is posted in %s: nine cpud posts one", p9.Namespace())
		}
		return nil, p9.Fact(err)
	}
	// A socket in a directory that others write to may be anybody's.
	u, err := peerUser(c)
	if err == nil && u.Uid != "0" && u.Uid != fmt.Sprint(os.Geteuid()) {
		err = fmt.Errorf("the other end is user %s's, not yours", u.Username)
	}
	arch := ""
	if err == nil {
		d.log("unix socket %s of user %s", path, u.Username)
		arch, err = ask(ctx, c, w)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Conn{ReadWriteCloser: c, Want: w, Peer: Peer{User: u.Username, Addr: "unix!" + path, Arch: arch}, dialled: true}, nil
}

// dialTLS makes a connection that shows a key and goes on over further links when that is lost.
func (d *Dialer) dialTLS(ctx context.Context, address string, w Want, k key) (*Conn, error) {
	first, shown, err := d.link(ctx, address, w, k)
	if err != nil {
		return nil, err
	}
	first.first = true
	var refused time.Time // since when nobody listens there
	link := func(ctx context.Context) (net.Conn, error) {
		if c := first; c != nil {
			first = nil
			return c, nil
		}
		c, err := d.again(ctx, address, w, k.pub, shown)
		switch {
		case !errors.Is(err, syscall.ECONNREFUSED):
			refused = time.Time{}
		case refused.IsZero():
			refused = time.Now()
		case time.Since(refused) > refusedLimit:
			err = aan.Permanent(err)
		}
		return c, err
	}
	c, err := aan.Dial(ctx, link, aan.Config{Log: func(what string) { d.log("%s", what) }})
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(answerLimit))
	stop := context.AfterFunc(ctx, func() { c.Abort(ctx.Err()) })
	defer stop()
	arch, err := answer(c)
	if err != nil {
		c.Abort(err)
		if no := (*unwanted)(nil); errors.As(err, &no) {
			err = no.error
		}
		return nil, err
	}
	c.SetDeadline(time.Time{})
	p := Peer{Key: shown.Fingerprint(), Addr: "tcp!" + strings.Replace(address, ":", "!", 1), Arch: arch}
	return &Conn{ReadWriteCloser: c, Want: w, Peer: p, dialled: true}, nil
}

// refusedLimit is how long a host may be there without anybody who listens: its cpud has
// ended, and with it what the connection was to.
const refusedLimit = 30 * time.Second

// again makes one more link, to the same host and by the same key.
func (d *Dialer) again(ctx context.Context, address string, w Want, mine, host *sshkey.Public) (net.Conn, error) {
	want := d.Key
	if want == "" {
		want = mine.Fingerprint()
	}
	keys, done, err := findKeys(ctx, want, false)
	if err != nil {
		return nil, err
	}
	defer done()
	c, shown, err := d.link(ctx, address, w, keys[0])
	switch {
	case err != nil:
		return nil, err
	case !shown.Equal(host):
		c.Close()
		return nil, aan.Permanent(errors.New("the host has another key than before"))
	}
	return c, nil
}

// link makes one connection: the host is known, and was told what is wanted.
func (d *Dialer) link(ctx context.Context, address string, w Want, k key) (*asked, *sshkey.Public, error) {
	cert, err := auth.Wrap(k.signer, k.pub)
	if err != nil {
		return nil, nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	var shown *sshkey.Public
	var unknown bool
	conf := auth.Config(cert, func(key *sshkey.Public) error {
		shown = key
		err := d.checkHost(host, port, key)
		unknown = err == auth.ErrUnknownHost
		return err
	})
	for {
		raw, err := d.stream(ctx, address)
		if err != nil {
			return nil, nil, p9.Fact(err)
		}
		c := tls.Client(raw, conf)
		deadline(raw, dialLimit)
		err = c.HandshakeContext(ctx)
		if err == nil {
			d.log("host %s has the key %s; yours is %s", host, shown.Fingerprint(), k.pub.Fingerprint())
			if _, err := io.WriteString(c, w.String()+"\n"); err != nil {
				c.Close()
				return nil, nil, err
			}
			deadline(raw, 0)
			return &asked{Conn: c}, shown, nil
		}
		raw.Close()
		if !unknown {
			return nil, nil, fact(err, host, shown)
		}
		// The question takes its time, so the handshake does not wait for the answer.
		if err := auth.CheckHost(d.known(), auth.HostName(host, port), shown); err != nil {
			return nil, nil, err
		}
	}
}

// fact says what of a handshake's failure is of use.
func fact(err error, host string, shown *sshkey.Public) error {
	if shown != nil {
		return fmt.Errorf("%s (%s): %w", host, shown.Fingerprint(), err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return errors.New("nobody there speaks TLS: the other end hung up or was silent")
	}
	return fmt.Errorf("TLS: %w", p9.Fact(err))
}
