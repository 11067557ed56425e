package netfs

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// ifcCmds are the commands of an interface's ctl.
func ifcCmds(index int) map[string]func(ctx context.Context, args []string) error {
	change := func(typ, flags uint16, usage string, far bool) func(context.Context, []string) error {
		return func(ctx context.Context, args []string) error {
			if len(args) < 1 || len(args) > 3 || len(args) > 2 && !far {
				return invalid("usage: %s", usage)
			}
			ip, err := parseIP(args[0])
			if err != nil {
				return err
			}
			mask := ""
			if len(args) > 1 {
				mask = args[1]
			}
			bits, err := parseMask(mask, ip)
			if err != nil {
				return err
			}
			to := ip
			if len(args) > 2 {
				if to, err = parseIP(args[2]); err != nil || to.Is4() != ip.Is4() {
					return invalid("bad remote %s", srv.Quote(args[2]))
				}
				if to == netip.PrefixFrom(ip, bits).Masked().Addr() { // Plan 9's: the network
					to = ip
				}
			}
			if typ == unix.RTM_DELADDR && mask == "" {
				bits, to = maskOf(index, ip, bits, to)
			}
			do := func(typ, flags uint16) error {
				return newRequest(unix.IfAddrmsg{Family: family(ip), Prefixlen: uint8(bits), Index: uint32(index)}).
					attr(unix.IFA_LOCAL, ip.AsSlice()).attr(unix.IFA_ADDRESS, to.AsSlice()).do(typ, flags)
			}
			if err := do(typ, flags); err != nil || typ == unix.RTM_DELADDR {
				return err
			}
			keep, err := settled(ctx, index, ip)
			if !keep {
				do(unix.RTM_DELADDR, 0)
			}
			return err
		}
	}
	set := func(flags uint32) func(context.Context, []string) error {
		return func(_ context.Context, args []string) error {
			if len(args) != 0 {
				return invalid("usage: up or down, without more")
			}
			return newRequest(unix.IfInfomsg{Index: int32(index), Flags: flags, Change: unix.IFF_UP}).do(unix.RTM_NEWLINK, 0)
		}
	}
	return map[string]func(ctx context.Context, args []string) error{
		"add":    change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add addr [mask [remote]]", true),
		"remove": change(unix.RTM_DELADDR, 0, "remove addr [mask]", false),
		"unbind": func(_ context.Context, args []string) error {
			if len(args) != 0 {
				return invalid("usage: unbind, without more")
			}
			return newRequest(unix.IfInfomsg{Index: int32(index)}).do(unix.RTM_DELLINK, 0)
		},
		"up":   set(unix.IFF_UP),
		"down": set(0),
		"mtu": func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return invalid("usage: mtu bytes")
			}
			n, err := number("bytes", args[0], 1<<20)
			if err != nil {
				return err
			}
			return newRequest(unix.IfInfomsg{Index: int32(index)}).number(unix.IFLA_MTU, uint32(n)).do(unix.RTM_NEWLINK, 0)
		},
		"iprouting": func(_ context.Context, args []string) error {
			n := 1
			if len(args) > 1 {
				return invalid("usage: iprouting [0|1]")
			}
			if len(args) == 1 {
				var err error
				if n, err = number("iprouting", args[0], 1); err != nil {
					return err
				}
			}
			return p9.Fact(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte(strconv.Itoa(n)), 0))
		},
	}
}

// dadTime bounds the wait for an address to be usable.
var dadTime = 5 * time.Second

// settled waits until an address can be used, which for IPv6 is once nobody else on the link has
// said within a second or two that it is his (RFC 4862), and tells whether it is to stay: it is not
// where somebody has, or nobody waits any more. Where there is no cable the kernel asks when there is
// one, which is not waited for.
func settled(ctx context.Context, index int, ip netip.Addr) (keep bool, err error) {
	end := time.NewTimer(dadTime)
	defer end.Stop()
	for ip.Is6() {
		i, err := findIfc(index)
		n := slices.IndexFunc(i.addrs, func(a ifaddr) bool { return a.ip == ip })
		if err != nil || n < 0 {
			return true, err
		}
		flags := i.addrs[n].flags
		if flags&unix.IFA_F_DADFAILED != 0 {
			return false, p9.NewError(syscall.EADDRINUSE, ip.String()+": somebody else on the link has this address")
		}
		if flags&unix.IFA_F_TENTATIVE == 0 || flags&unix.IFA_F_OPTIMISTIC != 0 || !i.up || !i.carrier {
			return true, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-end.C:
			return true, p9.NewError(syscall.ETIMEDOUT, ip.String()+": the address is there, but it is not known yet whether another on the link has it")
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// maskOf gives an address's own mask and far end, where it has them.
func maskOf(index int, ip netip.Addr, bits int, to netip.Addr) (int, netip.Addr) {
	i, _ := findIfc(index)
	for _, a := range i.addrs {
		if a.ip == ip {
			return a.prefix.Bits(), a.prefix.Addr()
		}
	}
	return bits, to
}
