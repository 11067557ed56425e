package netfs

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// backlog is how many callers wait for a listen, as far as the system lets them.
const backlog = 4096

// newTCP makes the directory tcp.
func newTCP(f *FS) {
	verbs := append([]verb{
		{"connect", " addr!port[!r] [localport]", 1, 2, tcpSocket.connect},
		{"announce", " [addr!]port", 1, 1, tcpAnnounce},
		{"bind", " [addr!]port", 1, 1, tcpSocket.bind},
		{"keepalive", " [ms]", 0, 1, keepalive},
		{"nodelay", " [on|off]", 0, 1, nodelay},
	}, inetVerbs...)
	p := newProto(f, "tcp", append(verbs, allVerbs...))
	p.status = tcpStatus
	p.Add("stats", statsFile("Tcp"))
}

func tcpAnnounce(ctx context.Context, c *conv, args []string) error {
	return c.begin(ctx, connecting, func(_ context.Context, s *sock) (end, string, error) {
		s, err := announceStream(s, func() (*sock, error) { return tcpSocket.announced(c.user, args[0]) })
		return s, listening, err
	})
}

// announceStream has a socket listen: one that make gives.
func announceStream(bound *sock, make func() (*sock, error)) (*sock, error) {
	if bound != nil {
		bound.close()
	}
	s, err := make()
	if err != nil {
		return nil, err
	}
	if err := unix.Listen(s.fd, backlog); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// keepalive has the kernel ask an idle peer, every so many ms, whether it is there.
func keepalive(_ context.Context, c *conv, args []string) error {
	ms := 0
	if len(args) > 0 {
		var err error
		if ms, err = number("ms", args[0], 32767*1000); err != nil {
			return err
		}
	}
	return c.set(func(s *sock) error {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1); err != nil || ms == 0 {
			return err
		}
		sec := (ms + 999) / 1000
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, sec); err != nil {
			return err
		}
		return unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, sec)
	})
}

// nodelay has small writes go at once, which they do if nobody says off.
func nodelay(_ context.Context, c *conv, args []string) error {
	on := 1
	if len(args) > 0 {
		switch args[0] {
		case "on":
		case "off":
			on = 0
		default:
			return invalid("bad word %q: on or off", args[0])
		}
	}
	return c.set(func(s *sock) error { return unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, on) })
}

// tcpStates are the kernel's, by number, as Plan 9 calls them.
var tcpStates = [...]string{1: "Established", 2: "Syn_sent", 3: "Syn_received", 4: "Finwait1", 5: "Finwait2",
	6: "Time_wait", 7: "Closed", 8: "Close_wait", 9: "Last_ack", 10: "Listen", 11: "Closing"}

// tcpStatus is the state and what the kernel knows of the connection; times in ms.
func tcpStatus(c *conv) string {
	s := c.sock()
	if s == nil || c.end == nil {
		return c.state + " qin 0 qout 0"
	}
	qin, qout := s.queued()
	info, err := unix.GetsockoptTCPInfo(s.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil || int(info.State) >= len(tcpStates) {
		return fmt.Sprintf("%s qin %d qout %d", c.state, qin, qout)
	}
	state := tcpStates[info.State]
	if state == "Listen" || state == "Closed" {
		return state + " qin 0 qout 0"
	}
	return fmt.Sprintf("%s qin %d qout %d srtt %d mdev %d rto %d cwin %d rwin %d mss %d retrans %d",
		state, qin, qout, info.Rtt/1000, info.Rttvar/1000, info.Rto/1000, info.Snd_cwnd*info.Snd_mss, info.Rcv_space, info.Snd_mss, info.Total_retrans)
}

// queued gives how many bytes wait to be read, and to be sent.
func (s *sock) queued() (in, out int) {
	in, _ = unix.IoctlGetInt(s.fd, unix.TIOCINQ)
	out, _ = unix.IoctlGetInt(s.fd, unix.TIOCOUTQ)
	return in, out
}
