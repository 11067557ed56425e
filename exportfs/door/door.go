package door

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/srv"
)

const (
	greeting = "ninespace"
	version  = 1    // of what is said here and inside; both ends have the same
	maxLine  = 4096 // of what is wanted and of an answer
)

// Port is where a node listens unless told otherwise.
const Port = "17011"

// dialLimit is for who dials: to connect, and for a handshake.
const dialLimit = 10 * time.Second

// Limits of time. They are variables for the tests.
var (
	greetLimit  = 10 * time.Second // for who calls: for a handshake and for saying what is wanted
	answerLimit = 30 * time.Second // for the answer, before which a session is made
)

// Services.
const (
	CPU    = "cpu"    // run commands; Arg is ""
	Export = "export" // a tree; Arg is its name
	Dial   = "dial"   // a connection from there; Arg is a dial string
	Attach = "attach" // 9P with the session that has a command that was left; Arg is SESSION.N
)

// A Want is what a caller wants of the far side.
type Want struct {
	Service string
	User    string // as whom; "" is whoever the far side takes the caller to be
	Arg     string
}

// String is the line that says it, without its end.
func (w Want) String() string {
	return fmt.Sprintf("%s %d %s %s %s", greeting, version, srv.Quote(w.Service), srv.Quote(w.User), srv.Quote(w.Arg))
}

// ParseWant reads such a line. Another version is an error that has both.
func ParseWant(line string) (Want, error) {
	f, err := srv.Fields(line)
	if err != nil || len(f) < 2 || f[0] != greeting {
		return Want{}, errors.New("this is a door of ninespace, and that is not its language")
	}
	if f[1] != strconv.Itoa(version) {
		return Want{}, fmt.Errorf("the caller's nine speaks version %.20q of the door, the far side's version %d", f[1], version)
	}
	if len(f) != 5 {
		return Want{}, errors.New("malformed request")
	}
	return Want{f[2], f[3], f[4]}, nil
}

// A Peer is who is at the other end, as far as that end has proved it.
type Peer struct {
	User     string // of a caller: the user of this machine that it is let in as
	Key      string // fingerprint of the key that it has; "" where the kernel or ssh said who it is
	Addr     string // where it is
	Arch     string // of the far side: its kind of processor, as GOARCH has it
	Command  string // a caller may run this and nothing else; "": what it likes
	Restrict bool   // a caller gets no terminal
}

// A Conn is a stream to somebody who is known. What is not in Want or Peer is not known.
type Conn struct {
	io.ReadWriteCloser
	Want Want
	Peer Peer

	dialled bool
}

// Accept tells the caller that it gets what it wants.
func (c *Conn) Accept() error {
	_, err := io.WriteString(c, "ok "+runtime.GOARCH+"\n")
	if err == nil {
		deadline(c.ReadWriteCloser, 0)
	}
	return err
}

// Abort hangs up with no word that it was in order, where the stream can do without: others
// are closed.
func (c *Conn) Abort(err error) {
	if a, ok := c.ReadWriteCloser.(interface{ Abort(error) }); ok {
		a.Abort(err)
	}
	c.Close()
}

// Refuse tells the caller that it does not, and why, and hangs up. At Plan 9's door there is
// no word for that.
func (c *Conn) Refuse(why error) {
	if c.Want.Service != Plan9 {
		refuse(c, "no", why.Error())
	}
	c.Close()
}

func refuse(w io.Writer, word, why string) {
	why = strings.ReplaceAll(why, "\n", "; ")
	fmt.Fprintf(w, "%s %s\n", word, why[:min(len(why), maxLine-100)])
}

// deadline sets one where the stream has such, or takes it away.
func deadline(stream any, d time.Duration) {
	if s, ok := stream.(interface{ SetDeadline(time.Time) error }); ok {
		var at time.Time
		if d > 0 {
			at = time.Now().Add(d)
		}
		s.SetDeadline(at)
	}
}

// Dialled makes c the caller's end, of a stream that something else than Dial made. It gives c.
func (c *Conn) Dialled() *Conn {
	c.dialled = true
	return c
}

// Mux begins to multiplex the stream.
func (c *Conn) Mux() (*yamux.Session, error) { return mux(c.ReadWriteCloser, c.dialled) }

// ReadLine reads a line and not a byte more: what follows belongs to others.
func ReadLine(r io.Reader) (string, error) {
	var b [1]byte
	var line []byte
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
	return "", fmt.Errorf("line longer than %d bytes", maxLine)
}
