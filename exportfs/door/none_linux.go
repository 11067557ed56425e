package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/exportfs/aan"
	"ninespace/factotum/auth"
	"ninespace/factotum/proof"
	"ninespace/factotum/sshkey"
)

// callers is the descriptor from which the process that Guard starts has its callers.
const callers = 3

// None is the process that Guard starts, until ctx or Guard ends: it has the callers'
// connections, and no rights. keep is Options.Keep.
func None(ctx context.Context, keep time.Duration) error {
	if err := confine(); err != nil {
		return err
	}
	from, err := packetConn(os.NewFile(callers, "callers"))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { from.Close() })
	defer stop()
	carry := carrier(keep)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer carry.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		what, files, err := receiveAll(from)
		if err != nil {
			return nil // it is over
		}
		wg.Go(func() { guest(ctx, what, files, &carry) })
	}
}

// barren has this thread, and the programs that it starts, never get rights that they do not have.
// root tells whether those are to be root still, whom exec would give every capability again that
// may not be dropped here.
func barren(root bool) error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EINVAL { // the kernel has no more of them
			break
		}
		if err == unix.EPERM && !root { // somebody else has none by exec
			break
		}
		if err == unix.EPERM {
			return errKept
		}
		if err != nil {
			return os.NewSyscallError("prctl", err)
		}
	}
	if err := inheritNone(); err != nil {
		return err
	}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
}

// confine has this process, whose starter's thread was barren, write no file, leave no core, be nobody's to
// look into, and make few system calls.
func confine() error {
	if on, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	} else if on == 0 {
		return errByHand
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	if err := unix.Capget(&hdr, &has[0]); err != nil {
		return os.NewSyscallError("capget", err)
	} else if has[0].Permitted|has[1].Permitted != 0 {
		return errKept
	}
	unix.CloseOnExec(callers)
	for _, limit := range []int{unix.RLIMIT_CORE, unix.RLIMIT_FSIZE} {
		if err := unix.Setrlimit(limit, &unix.Rlimit{}); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	err := filter()
	if err == errNoFilter { // what it has no rights to it has not even so
		fmt.Fprintln(os.Stderr, err)
		err = nil
	}
	return err
}

// A fault is an error that always says the same, for which nothing is made when the program starts.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errByHand   = fault("only the daemon starts its listener") // who starts it otherwise than by Guard
	errKept     = fault("it would keep root's capabilities: what would drop them has no CAP_SETPCAP")
	errNoFilter = fault("it has no filter of system calls: this kernel or processor has none") // of filter
)

// inheritNone has this thread keep no capability through exec, whoever started it: what is not
// inheritable is not ambient either.
func inheritNone() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	return os.NewSyscallError("capset", unix.Capset(&hdr, &data[0]))
}

// guest serves one caller: what of it is said by the broker, and its connection and desk.
func guest(ctx context.Context, what []byte, files []*os.File, carry *aan.Server) {
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if len(files) != 2 {
		return
	}
	raw, err := net.FileConn(files[0])
	if err != nil {
		return
	}
	kept := false
	defer func() {
		if !kept {
			raw.Close()
		}
	}()
	conv, err := packetConn(files[1])
	if err != nil {
		return
	}
	files[0].Close()
	files = nil
	defer conv.Close()
	stop := context.AfterFunc(ctx, func() {
		raw.Close()
		conv.Close()
	})
	defer stop()
	d := &desk{UnixConn: conv}
	c, err := d.admit(ctx, raw, what, carry)
	if kept = c == nil && err == nil; kept {
		return // one more link, which is its session's to close
	}
	if c == nil {
		if err != nil && !left(err) && !errors.Is(err, auth.ErrNotAuthorized) { // of which the broker has told
			d.say(err)
		}
		return
	}
	defer c.Close()
	session, err := d.session()
	if err != nil {
		c.Refuse(err)
		return
	}
	c.Carry(session, d.wait)
}

func (d *desk) admit(ctx context.Context, raw net.Conn, what []byte, carry *aan.Server) (*Conn, error) {
	if len(what) < 2 { // Plan 9's door
		ctx, cancel := context.WithTimeoutCause(ctx, plan9Limit, errSlow)
		defer cancel()
		if _, _, err := d.ask(askStart, nil); err != nil {
			return nil, err
		}
		return admitPlan9(ctx, raw, d, func(*auth.Info) (Peer, error) {
			if d.capability == "" {
				return Peer{}, auth.ErrNotAuthorized
			}
			return d.peer, nil
		})
	}
	r := &sshkey.Reader{B: what[1:]}
	der, key := r.Bytes(), r.Bytes()
	if r.End() != nil {
		return nil, errDesk
	}
	host, err := sshkey.ParsePublic(key)
	if err != nil {
		return nil, err
	}
	tape, conf := proof.Record(raw, serverTLS(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: deskSigner{d, host.Key}}))
	defer tape.Stop()
	return admitTLS(ctx, tape, conf, carry, func(_ *tls.Conn, w Want) (Peer, error) {
		said, err := tape.Transcript()
		tape.Stop()
		if err != nil {
			return Peer{}, err
		}
		return d.prove(w, said)
	})
}
