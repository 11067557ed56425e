package netboot

import (
	"bufio"
	"errors"
	"io"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// An ask is a request.
type ask struct {
	method, path string
	query        url.Values
	head         map[string]string
	body         string
	last         bool // the connection ends after it
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
