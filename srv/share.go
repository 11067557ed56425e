package srv

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// What the connections have in common, and one of them could use up for all, is
// bounded for all together; of what the others leave, each may have a part. So however
// many take what they may, there is some left for the next.

// A stock is something that there is only so much of.
type stock uint8

const (
	heldBytes   stock = iota // of requests that are not done, and of attributes' values
	descriptors              // that files hold
	fidNumbers
	walked   // files that fids are, or lead back through by ".."
	madeSums // that are being made
	stocks
)

const (
	defaultRequests = 1 << 30
	allFids         = 4 << 20
	allWalked       = 16 << 20
)

// parts says which part of what the others leave a connection may have: 1/4 ... Of sums it has
// few in any case.
var parts = [stocks]int64{heldBytes: 16, descriptors: 4, fidNumbers: 4, walked: 4, madeSums: 1}

// limits says how much there is of each.
func (s *Server) limits() (l [stocks]int64) {
	l = [stocks]int64{heldBytes: s.Requests, descriptors: s.Descriptors, fidNumbers: allFids, walked: allWalked, madeSums: allSums}
	if l[heldBytes] == 0 {
		l[heldBytes] = defaultRequests
	}
	if l[descriptors] == 0 {
		l[descriptors] = mostFiles() / 8 * 7
	}
	return l
}

// mostFiles is how many descriptors the process may have, getrlimit(2).
func mostFiles() int64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<30 {
		return 1 << 30
	}
	return int64(r.Cur)
}

// taken is how much all connections have of a stock.
func (st *state) taken(s stock) (n int64) {
	for i := range st.shards {
		n += st.shards[i].taken[s].Load()
	}
	return n
}

// fair reports whether a connection that has so much of a stock may have more. Its
// equal part among as many connections as there may be, it may have in any case.
func (st *state) fair(s stock, has, more int64) bool {
	limit := st.limits[s]
	return has+more <= limit/defaultConns || has+more <= (limit-st.taken(s)+has)/parts[s]
}

// hold counts bytes of the connection's requests, or counts them no more.
func (c *conn) hold(n int64) {
	c.held.Add(n)
	c.stats.taken[heldBytes].Add(n)
}

// mayHold says why a connection can't hold so many bytes more.
func (c *conn) mayHold(n int64) error {
	if !c.srv.st.fair(heldBytes, c.held.Load(), n) {
		return c.over(heldBytes, syscall.ENOMEM)
	}
	return nil
}

// over refuses more of a stock; the log hears it once.
func (c *conn) over(s stock, why syscall.Errno) error {
	if !c.told[s].Swap(true) {
		c.say("may have no more %s: %v", [...]string{heldBytes: "bytes of requests", descriptors: "descriptors", fidNumbers: "fids", walked: "files", madeSums: "sums"}[s], why)
	}
	return why
}

// mostSaid is how many bytes of what there is to say the log is told: names are a
// client's to choose, of 64 KiB and with newlines.
const mostSaid = 512

// say tells the log of the connection, in a line.
func (c *conn) say(format string, args ...any) {
	if c.srv.Log == nil {
		return
	}
	who := "connection"
	if uid, ok := PeerOf(c.rwc); ok {
		who += " of user " + strconv.Itoa(int(uid))
	} else if nc, ok := c.rwc.(net.Conn); ok {
		who += " from " + nc.RemoteAddr().String()
	}
	text := fmt.Sprintf(format, args...)
	if len(text) > mostSaid {
		text = text[:mostSaid] + "..."
	}
	c.srv.Log(who + ": " + strings.Map(printable, text))
}

func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

// count counts files that are walked to.
func (c *conn) count(n int64) {
	c.walked.Add(n)
	c.stats.taken[walked].Add(n)
}

// describe counts the descriptor that a File or Handle holds, if it does, as one
// more or, with -1, one fewer.
func (c *conn) describe(v any, n int64) {
	if _, ok := v.(Descriptor); ok {
		c.open.Add(n)
		c.stats.taken[descriptors].Add(n)
	}
}

// mayWalk says why a connection can't hold a file more.
func (c *conn) mayWalk() error {
	if !c.srv.st.fair(walked, c.walked.Load(), 1) {
		return c.over(walked, syscall.ENFILE)
	}
	return nil
}

// mayHave says why a connection can't have a File that was walked to.
func (c *conn) mayHave(f File) error {
	if _, ok := f.(Descriptor); ok {
		return c.mayOpen()
	}
	return nil
}

// mayOpen says why a connection can't hold a descriptor more.
func (c *conn) mayOpen() error {
	if c.open.Load() > 0 && !c.srv.st.fair(descriptors, c.open.Load(), 1) {
		return c.over(descriptors, syscall.EMFILE)
	}
	return nil
}
