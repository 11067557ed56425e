package netboot

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// HTTP/1.1, RFC 9110 and 9112, as much of it as boot programs ask for: GET and HEAD with
// a range, POST of a short body, connections that are kept.

var (
	errShut   = errors.New("the server ends")
	errSilent = errors.New("no answer")
)

const (
	headTime  = 10 * time.Second // for a request to come
	idleTime  = 30 * time.Second // between two
	chunk     = 256 << 10
	chunkTime = 30 * time.Second // for a chunk to go: 8 KiB in a second at least
	maxAsked  = 1000             // requests of one connection
)

// times are these, but in tests.
type times struct{ head, idle, chunk time.Duration }

// serveHTTP takes connections until the listener is closed.
func (s *Server) serveHTTP(l net.Listener, secure *tls.Config) {
	for {
		c, err := l.Accept()
		if s.ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return
		}
		if err != nil {
			select { // out of descriptors
			case <-time.After(time.Second / 10):
			case <-s.ctx.Done():
			}
			continue
		}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		s.mu.Lock()
		ok := s.http.enter(from, maxConns)
		s.mu.Unlock()
		if !ok {
			c.Close()
			s.sayFrom(from, "http: from %s: too many connections", from)
			continue
		}
		s.wg.Go(func() {
			defer c.Close()
			defer context.AfterFunc(s.ctx, func() { c.Close() })()
			w := &web{Server: s, Conn: c, from: from}
			if secure != nil {
				w.Conn = tls.Server(c, secure)
			}
			if err := w.serve(); err != nil && s.ctx.Err() == nil {
				s.sayFrom(from, "http: from %s: %v", from, fact(err))
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.http.leave(from)
		})
	}
}

// A web is one connection.
type web struct {
	*Server
	net.Conn
	from netip.Addr
	in   *bufio.Reader
}

// An ask is a request.
type ask struct {
	method, path string
	query        url.Values
	head         map[string]string
	body         string
	last         bool // the connection ends after it
}

// A status is an answer that is no file.
type status struct {
	code int
	text string
}

func (e *status) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

var codes = [...]status{{200, "OK"}, {206, "Partial Content"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
	{405, "Method Not Allowed"}, {408, "Request Timeout"}, {411, "Length Required"}, {413, "Content Too Large"},
	{416, "Range Not Satisfiable"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}}

func reason(code int) string {
	for _, s := range codes {
		if s.code == code {
			return s.text
		}
	}
	return "Error"
}

// serve answers requests; the error is what ended the connection, but for its end.
func (w *web) serve() error {
	w.in = bufio.NewReaderSize(nil, maxHead)
	limit := &io.LimitedReader{R: w.Conn}
	w.in.Reset(limit)
	w.SetDeadline(time.Now().Add(w.times.head))
	for range maxAsked {
		limit.N = maxHead + maxBody
		if _, err := w.in.Peek(1); err != nil {
			return nil // it wants no more
		}
		w.SetDeadline(time.Now().Add(w.times.head))
		a, err := w.read()
		if err != nil {
			var st *status
			if errors.As(err, &st) {
				w.text(&ask{method: "GET", last: true}, st.code, st.text+"\n")
				// What it still sends would have the answer thrown away.
				w.SetDeadline(time.Now().Add(time.Second))
				io.CopyN(io.Discard, w.Conn, maxHead)
			}
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return errors.New("slow request: given up")
			}
			return err
		}
		if err := w.answer(a); err != nil || a.last {
			return err
		}
		w.SetDeadline(time.Now().Add(w.times.idle))
	}
	return nil
}

// read reads a request.
func (w *web) read() (*ask, error) {
	line, n, err := w.line(0)
	if err != nil {
		return nil, err
	}
	f := strings.Split(line, " ")
	if len(f) != 3 || !strings.HasPrefix(f[2], "HTTP/1.") || !strings.HasPrefix(f[1], "/") {
		return nil, &status{400, "malformed request"}
	}
	u, err := url.ParseRequestURI(f[1])
	if err != nil {
		return nil, &status{400, "malformed address"}
	}
	a := &ask{method: f[0], path: u.Path, query: u.Query(), head: map[string]string{}, last: f[2] == "HTTP/1.0"}
	for {
		if line, n, err = w.line(n); err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		name, val, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, &status{400, "malformed header"}
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if _, twice := a.head[name]; twice && (name == "Content-Length" || name == "Host") {
			return nil, &status{400, name + " twice"}
		}
		a.head[name] = strings.TrimSpace(val)
	}
	for word := range strings.SplitSeq(strings.ToLower(a.head["Connection"]), ",") {
		switch strings.TrimSpace(word) {
		case "close":
			a.last = true
		case "keep-alive":
			a.last = false
		}
	}
	return a, w.readBody(a)
}

func (w *web) readBody(a *ask) error {
	if a.head["Transfer-Encoding"] != "" {
		return &status{501, "no transfer encodings here"}
	}
	length, ok := a.head["Content-Length"]
	if !ok {
		if a.method == "POST" {
			return &status{411, "a length is needed"}
		}
		return nil
	}
	n, err := strconv.ParseUint(length, 10, 63)
	if err != nil {
		return &status{400, "malformed length"}
	}
	if n > maxBody {
		return &status{413, "too long"}
	}
	if a.head["Expect"] != "" {
		io.WriteString(w.Conn, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	b := make([]byte, n)
	_, err = io.ReadFull(w.in, b)
	a.body = string(b)
	return err
}

// line reads a line of the head, of which n bytes have come.
func (w *web) line(n int) (string, int, error) {
	b, err := w.in.ReadSlice('\n')
	if n += len(b); errors.Is(err, bufio.ErrBufferFull) || n > maxHead {
		return "", n, &status{431, "too long"}
	}
	if err != nil {
		return "", n, err
	}
	return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), n, nil
}

// text answers with a text.
func (w *web) text(a *ask, code int, text string) error {
	body := text
	if a.method == "HEAD" {
		body = ""
	}
	w.SetWriteDeadline(time.Now().Add(w.times.chunk))
	_, err := io.WriteString(w.Conn, w.head(a, code, int64(len(text)), "Content-Type: text/plain\r\n")+body)
	return err
}

func (w *web) head(a *ask, code int, n int64, more string) string {
	end := ""
	if a.last {
		end = "Connection: close\r\n"
	}
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nServer: netboot\r\nDate: %s\r\nContent-Length: %d\r\n%s%s\r\n", code, reason(code),
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), n, more, end)
}

// file answers with a file, or the range of it that is asked for.
func (w *web) file(a *ask, f *os.File, node *node) (sent int64, err error) {
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := fi.Size()
	off, n, code := int64(0), size, 200
	more := "Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
	if r := a.head["Range"]; r != "" && a.head["If-Range"] == "" {
		var ok, is bool
		if off, n, ok, is = parseRange(r, size); is && !ok {
			return 0, w.reply(a, 416, fmt.Sprintf("Content-Range: bytes */%d\r\n", size))
		} else if is {
			code = 206
			more += fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", off, off+n-1, size)
		}
	}
	w.SetWriteDeadline(time.Now().Add(w.times.chunk))
	if _, err := io.WriteString(w.Conn, w.head(a, code, n, more)); err != nil || a.method == "HEAD" {
		return 0, err
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	for sent < n {
		// A reader that takes this long for a chunk is not served on.
		w.SetWriteDeadline(time.Now().Add(w.times.chunk))
		m, err := io.CopyN(w.Conn, f, min(chunk, n-sent))
		sent += m
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			return sent, fmt.Errorf("slow reader: given up after %d of %d bytes", sent, n)
		}
		if err != nil {
			return sent, fmt.Errorf("after %d of %d bytes: %w", sent, n, fact(err))
		}
	}
	return sent, nil
}

func (w *web) reply(a *ask, code int, more string) error {
	w.SetWriteDeadline(time.Now().Add(w.times.chunk))
	_, err := io.WriteString(w.Conn, w.head(a, code, 0, more))
	return err
}

// parseRange reads a range of bytes: where it begins and how long it is. is says that it
// is one range, ok that the file has it. Others are not honoured, as the RFC allows.
func parseRange(text string, size int64) (off, n int64, ok, is bool) {
	text, bytes := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	if !bytes || !dash || strings.Contains(text, ",") {
		return 0, size, false, false
	}
	if first == "" {
		n, err := strconv.ParseUint(last, 10, 63)
		if err != nil {
			return 0, size, false, false
		}
		m := min(int64(n), size)
		return size - m, m, m > 0, true
	}
	from, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, size, false, false
	}
	to := uint64(size - 1)
	if last != "" {
		if to, err = strconv.ParseUint(last, 10, 63); err != nil || to < from {
			return 0, size, false, false
		}
	}
	if int64(from) >= size {
		return 0, 0, false, true
	}
	return int64(from), min(int64(to), size-1) - int64(from) + 1, true, true
}
