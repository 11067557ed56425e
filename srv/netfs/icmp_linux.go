package netfs

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"
)

var icmpSocket = socktype{unix.SOCK_DGRAM, unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6}

// newICMP makes the directory icmp, of the kernel's ping sockets: a message begins with its
// type, its identifier is the kernel's to set, and what is read are answers to it.
func newICMP(f *FS) {
	p := newProto(f, "icmp", append(append([]verb{
		{"connect", " addr", 1, 1, icmpConnect},
	}, inetVerbs...), allVerbs...))
	p.status = openStatus
	p.Add("stats", statsFile("Icmp"))
}

func icmpConnect(ctx context.Context, c *conv, args []string) error {
	addr := args[0]
	if !strings.Contains(addr, "!") {
		addr += "!1" // getpeername(2) knows no 0
	}
	far, _, err := parseFar(addr)
	if err != nil {
		return err
	}
	return c.begin(ctx, connecting, func(ctx context.Context, _ *sock) (end, string, error) {
		s, err := icmpSocket.dial(ctx, c.user, nil, far, 0, false)
		return s, established, err
	})
}
