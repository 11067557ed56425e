package door

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"ninespace/factotum/auth"
	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Plan9 is what a caller at Plan 9's door wants: the rc script that it sends is run, and the
// stream then is a conversation of 9P whose server is the caller, rcpu(1) of 9front. No line
// says so on the wire.
const Plan9 = "rcpu"

// Plan9Port is where that door is, 9front's service rcpu.
const Plan9Port = "17019"

// plan9Limit is how long a caller may take to say who it is: somebody types a password
// meanwhile.
var plan9Limit = 2 * time.Minute

// ListenPlan9 opens a door at a dial string for those who come as Plan 9 does: p9any's
// dp9ik, by the key that factotum has for it, and then TLS. Of o only Users counts.
func ListenPlan9(ctx context.Context, addr string, o Options) (*Listener, error) {
	_, address, err := p9.ParseDial(addr, Plan9Port)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("announce %s: %w", addr, err)
	}
	if host == "" {
		host = "*"
	}
	if err := plan9Key(ctx); err != nil {
		return nil, fmt.Errorf("announce %s: %w", addr, err)
	}
	l := &Listener{o: o, plan9: true, done: func() {}}
	if l.Listener, err = srv.Announce("tcp!" + host + "!" + port); err != nil {
		return nil, err
	}
	return l, nil
}

var errSlow = errors.New("the caller takes too long")

// plan9Key finds out whether factotum is there and has the key, before anybody asks for it.
func plan9Key(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	f, err := auth.Dial(ctx, "")
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := f.Start(ctx, "proto=p9any role=server")
	if err != nil {
		return fmt.Errorf("%w; give it one: nine factotum -g proto=dp9ik dom=DOMAIN user=USER '!password?'", err)
	}
	r.Close()
	return nil
}

// admitPlan9 lets in who proves to be somebody that the machine's file of users names.
func (l *Listener) admitPlan9(ctx context.Context, raw net.Conn) (*Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, plan9Limit, errSlow)
	defer cancel()
	f, err := auth.Dial(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("factotum: %w", err)
	}
	defer f.Close()
	r, err := f.Plan9Talk(ctx)
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("p9any: %w", err)
	}
	defer r.Close()
	return admitPlan9(ctx, raw, r, func(i *auth.Info) (Peer, error) { return l.named(i, raw.RemoteAddr().String()) })
}

// named says whom somebody is let in as whom factotum names.
func (l *Listener) named(i *auth.Info, addr string) (Peer, error) {
	u, err := l.o.Users.Name(i.Suid, i.Dom)
	if err != nil {
		return Peer{}, fmt.Errorf("%.64q@%.64q: %w", i.Suid, i.Dom, err)
	}
	return Peer{User: u.Name, Addr: addr}, nil
}

// DialPlan9 goes in at such a door, as a user of its domain ("" is whoever factotum has a
// key for): d's Jump and Log count.
func (d *Dialer) DialPlan9(ctx context.Context, addr, user string) (net.Conn, error) {
	c, err := d.dialPlan9(ctx, addr, user)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return c, nil
}

func (d *Dialer) dialPlan9(ctx context.Context, addr, user string) (net.Conn, error) {
	by := *d
	if dir, rest, ok := client.SplitNet(addr); ok {
		by.net, addr = dir, rest
	}
	network, address, err := p9.ParseDial(addr, Plan9Port)
	if err != nil {
		return nil, err
	}
	if network != "tcp" {
		return nil, errors.New("not tcp")
	}
	ctx, cancel := context.WithTimeout(ctx, plan9Limit)
	defer cancel()
	f, err := auth.Dial(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("factotum: %w", err)
	}
	defer f.Close()
	raw, err := by.stream(ctx, address)
	if err != nil {
		return nil, p9.Fact(err)
	}
	attrs := ""
	if user != "" {
		attrs = "user=" + srv.Quote(user)
	}
	c, info, err := f.Plan9Client(ctx, raw, attrs)
	var need *auth.NeedKeyError
	if errors.As(err, &need) {
		return nil, fmt.Errorf("%w; give it one: nine factotum -g %s", err, typable(need.Template))
	}
	if err != nil {
		return nil, err
	}
	d.log("plan 9's door of the domain %s; you are %s there", info.Dom, info.Suid)
	return c, nil
}

// typable gives a template as a person types it to a shell, to an interactive one of which ! is
// history. Values are quoted already against all else.
func typable(template string) string {
	words := strings.Fields(template)
	for i, w := range words {
		if strings.Contains(w, "!") {
			words[i] = "'" + strings.ReplaceAll(w, "'", "''") + "'" // for rc; sh takes it for the same, in pieces
		}
	}
	return strings.Join(words, " ")
}
