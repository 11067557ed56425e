package door

import (
	"context"
	"crypto"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/factotum/auth"
	"ninespace/factotum/proof"
	"ninespace/factotum/sshkey"
)

// A desk is the listener's end of its conversation with the broker about one caller: a
// message each way, in packets. What is asked:
//
//	sign MESSAGE                      of TLS's server, once     SIGNATURE
//	prove USER SERVICE ARG TRANSCRIPT of a handshake            PEER CAPABILITY
//	start                             a conversation of p9any
//	read, write DATA                  of it, as factotum has it
//	info                              when it is over           SECRET PEER CAPABILITY
//	use CAPABILITY                    a session begins          its stream
//	say TEXT                          for cpud's log            (no answer)
type desk struct {
	*net.UnixConn
	peer       Peer
	capability string
}

// Words of what is asked and answered.
const (
	askSign = iota + 1
	askProve
	askStart
	askRead
	askWrite
	askInfo
	askUse
	askSay

	answerOK
	answerDone  // auth.ErrDone
	answerPhase // auth.ErrPhase
	answerShort // auth.ShortError
	answerNo    // and why
	answerWho   // is not let in: auth.ErrNotAuthorized, or the text of an auth.Hint
)

// maxPacket is as much as is said at once.
const maxPacket = proof.MaxTranscript + 2*maxLine

var errDesk = errors.New("the broker has gone")

// ask asks, and gives what is answered and a descriptor, if one came.
func (d *desk) ask(word byte, data []byte) ([]byte, *os.File, error) {
	if _, err := d.UnixConn.Write(append([]byte{word}, data...)); err != nil {
		return nil, nil, errDesk
	}
	b, f, err := receive(d.UnixConn)
	if err != nil || len(b) == 0 {
		return nil, nil, errDesk
	}
	word, b = b[0], b[1:]
	switch {
	case word == answerOK:
		return b, f, nil
	case word == answerDone:
		err = auth.ErrDone
	case word == answerPhase:
		err = auth.ErrPhase
	case word == answerShort && len(b) == 4:
		err = auth.ShortError(binary.BigEndian.Uint32(b))
	case word == answerWho && len(b) > 0:
		err = auth.Hint(b)
	case word == answerWho:
		err = auth.ErrNotAuthorized
	default:
		err = errors.New(string(b))
	}
	return nil, nil, err
}

// say has a line be in cpud's log.
func (d *desk) say(err error) {
	text := err.Error()
	d.UnixConn.Write(append([]byte{askSay}, text[:min(len(text), maxLine)]...))
}

// A deskSigner signs a handshake by the machine's key, which the broker has.
type deskSigner struct {
	*desk
	public crypto.PublicKey
}

// Public is the public key.
func (s deskSigner) Public() crypto.PublicKey { return s.public }

// Sign is not what TLS 1.3 asks for.
func (s deskSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the broker signs messages, not digests")
}

// SignMessage signs by the hash that belongs to the key.
func (s deskSigner) SignMessage(_ io.Reader, msg []byte, _ crypto.SignerOpts) ([]byte, error) {
	sig, _, err := s.ask(askSign, msg)
	return sig, err
}

// prove shows that a caller has its key.
func (d *desk) prove(w Want, transcript []byte) (Peer, error) {
	b := sshkey.AppendBytes(sshkey.AppendBytes(sshkey.AppendBytes(nil, w.User), w.Service), w.Arg)
	b, _, err := d.ask(askProve, append(b, transcript...))
	if err != nil {
		return Peer{}, err
	}
	return d.admitted(&sshkey.Reader{B: b})
}

// admitted reads whom the broker lets in.
func (d *desk) admitted(r *sshkey.Reader) (Peer, error) {
	d.peer = Peer{User: r.String(), Key: r.String(), Addr: r.String()}
	d.capability = r.String()
	if r.End() != nil {
		return Peer{}, errDesk
	}
	return d.peer, nil
}

// Read is auth.Talk's.
func (d *desk) Read(context.Context) ([]byte, error) {
	b, _, err := d.ask(askRead, nil)
	return b, err
}

// Write is auth.Talk's.
func (d *desk) Write(_ context.Context, p []byte) error {
	_, _, err := d.ask(askWrite, p)
	return err
}

// Info is auth.Talk's.
func (d *desk) Info(context.Context) (*auth.Info, error) {
	b, _, err := d.ask(askInfo, nil)
	if err != nil {
		return nil, err
	}
	r := &sshkey.Reader{B: b}
	i := &auth.Info{Secret: r.Bytes()}
	if len(r.B) == 0 {
		return i, r.Err // whom nobody is let in as
	}
	_, err = d.admitted(r)
	return i, err
}

// Close is auth.Talk's: the conversation ends with the desk's.
func (d *desk) Close() {}

// session has the session begin, and gives the stream to it.
func (d *desk) session() (net.Conn, error) {
	_, f, err := d.ask(askUse, []byte(d.capability))
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errDesk
	}
	defer f.Close()
	return net.FileConn(f)
}

// wait waits until the session has ended, and the broker with it.
func (d *desk) wait() error {
	d.UnixConn.Read(make([]byte, 1))
	return nil
}

// packets makes a stream of packets, with both ends to use here.
func packets() (a, b *net.UnixConn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		c, e := packetConn(os.NewFile(uintptr(fd), "packets"))
		if e != nil {
			err = e
			continue
		}
		ends[i] = c
	}
	if err != nil {
		for _, c := range ends {
			if c != nil {
				c.Close()
			}
		}
		return nil, nil, err
	}
	return ends[0], ends[1], nil
}

// packetConn makes a file a connection, and closes it.
func packetConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("not a unix socket")
	}
	return u, nil
}

// send sends a packet and descriptors.
func send(c *net.UnixConn, b []byte, files ...*os.File) error {
	var oob []byte
	if len(files) > 0 {
		var fds []int
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
		oob = unix.UnixRights(fds...)
	}
	_, _, err := c.WriteMsgUnix(b, oob, nil)
	return err
}

// receive receives a packet, and the first descriptor of it.
func receive(c *net.UnixConn) ([]byte, *os.File, error) {
	b, files, err := receiveAll(c)
	for _, f := range files[min(1, len(files)):] {
		f.Close()
	}
	if len(files) == 0 {
		return b, nil, err
	}
	return b, files[0], err
}

func receiveAll(c *net.UnixConn) (b []byte, files []*os.File, err error) {
	b, oob := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(2*4))
	n, on, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, nil, err
	}
	if n == 0 {
		return nil, nil, io.EOF
	}
	if all, err := unix.ParseSocketControlMessage(oob[:on]); err == nil {
		for i := range all {
			fds, _ := unix.ParseUnixRights(&all[i])
			for _, fd := range fds {
				files = append(files, os.NewFile(uintptr(fd), "received"))
			}
		}
	}
	return b[:n], files, nil
}

// deskLimit is how long the broker talks about somebody who is not let in yet. It is a variable for
// the tests.
var deskLimit = 3 * time.Minute
