package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clock sets the machine's clock by a server of SNTP, RFC 4330, if the network has named
// one: nine.ntp=, or what DHCP says. One message asks, one answers.
func (n *node) clock(ctx context.Context) error {
	var failed error
	for _, server := range n.timeServers() {
		off, err := sntp(ctx, server)
		if err == nil {
			err = n.setClock(server, off)
		}
		if err == nil {
			n.timed = true
			return nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", server, err))
	}
	if failed != nil {
		return errLesser{failed} // anybody of the network may see to that
	}
	return nil
}

// setClock sets the clock, forward or back, by what somebody says.
func (n *node) setClock(by string, off time.Duration) error {
	now := unix.NsecToTimeval(time.Now().Add(off).UnixNano())
	if err := settimeofday(&now); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	n.log.Printf("init: the clock is set by %s, by %v", by, off.Round(time.Millisecond))
	return nil
}

// settimeofday is the system call, but in tests.
var settimeofday = unix.Settimeofday

// timeServers are the machine's own, or else those that the network has named.
func (n *node) timeServers() []string {
	if n.params.NTP != "" {
		return strings.Split(n.params.NTP, ",")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ntp
}

// A server is asked again, as a question or its answer may be lost, and then another one.
const (
	sntpTime  = time.Second // that one may take
	sntpTries = 3
)

// since1900 is how much earlier than Unix's the time of NTP begins, in seconds.
const since1900 = 2208988800

// sntp asks a server, a host or host:port, how far this clock is behind.
func sntp(ctx context.Context, server string) (off time.Duration, err error) {
	for range sntpTries {
		off, err = sntpOnce(ctx, server)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	return off, err
}

func sntpOnce(ctx context.Context, server string) (time.Duration, error) {
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "123")
	}
	c, err := new(net.Dialer).DialContext(ctx, "udp", server)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(sntpTime))
	// Version 4, a client. What is said of the time sent comes back, and tells that an
	// answer is one to this: a number at random does that better than the time.
	ask := make([]byte, 48)
	ask[0] = 4<<3 | 3
	rand.Read(ask[40:])
	sent := time.Now()
	if _, err := c.Write(ask); err != nil {
		return 0, err
	}
	answer := make([]byte, 128)
	for {
		k, err := c.Read(answer)
		if err != nil {
			return 0, err
		}
		off, ok, err := sntpAnswer(ask, answer[:k], sent, time.Now())
		if ok {
			return off, err
		}
	}
}

// sntpAnswer takes an answer apart: how far the clock is behind. ok is whether it is one to
// what was asked.
func sntpAnswer(ask, b []byte, sent, came time.Time) (off time.Duration, ok bool, err error) {
	if len(b) < 48 || b[0]&7 != 4 || !bytes.Equal(b[24:32], ask[40:48]) {
		return 0, false, nil
	}
	got, left := ntpTime(b[32:40]), ntpTime(b[40:48])
	switch {
	case b[1] == 0:
		return 0, true, fmt.Errorf("it refuses: %q", b[12:16])
	case b[0]>>6 == 3 || b[1] > 15 || left.Before(got):
		return 0, true, errors.New("it does not know the time itself")
	}
	return (got.Sub(sent.Round(0)) + left.Sub(came.Round(0))) / 2, true, nil
}

// ntpTime reads a time of NTP, whose seconds begin anew every 136 years: what would be
// before 1968 is after 2036.
func ntpTime(b []byte) time.Time {
	s, frac := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if s < 1<<31 {
		s += 1 << 32
	}
	return time.Unix(s-since1900, frac*1e9>>32)
}
