package netboot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Get reads a file by HTTP, from a server like ours: its bytes, and how many they are. An
// answer that is no file is an error. The bytes are whoever's: see Verify and Part.Reader.
func Get(ctx context.Context, at string) (io.ReadCloser, int64, error) {
	r, n, err := visit(ctx, "GET", at, "")
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", at, err)
	}
	return r, n, nil
}

// visit asks one question of a server and gives the answer's body and length. An answer
// other than 200 is a *status. net/http would be in every command of nine.
func visit(ctx context.Context, method, at, body string) (io.ReadCloser, int64, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, 0, err
	}
	if u.Scheme != "http" {
		return nil, 0, errors.New("not a URL of http")
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	c, err := (&net.Dialer{Timeout: headTime}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, 0, err
	}
	v := &visited{Conn: c, stop: context.AfterFunc(ctx, func() { c.Close() })}
	n, err := v.ask(method, u, body)
	if err != nil {
		v.Close()
		return nil, 0, err
	}
	return v, n, nil
}

// A visited is an answer that is read.
type visited struct {
	net.Conn
	stop func() bool
	body io.Reader
}

func (v *visited) ask(method string, u *url.URL, body string) (int64, error) {
	v.SetDeadline(time.Now().Add(idleTime))
	if _, err := fmt.Fprintf(v.Conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", method, u.RequestURI(), u.Host, len(body), body); err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(v.Conn, maxHead)
	head := textproto.NewReader(bufio.NewReader(io.LimitReader(in, maxHead)))
	line, err := head.ReadLine()
	if err != nil {
		return 0, err
	}
	proto, rest, _ := strings.Cut(line, " ")
	word, text, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(word)
	if err != nil || !strings.HasPrefix(proto, "HTTP/1.") {
		return 0, errors.New("no answer of HTTP")
	}
	fields, err := head.ReadMIMEHeader()
	if err != nil {
		return 0, err
	}
	if code != 200 {
		return 0, &status{code, clean(text, 100)}
	}
	n, err := strconv.ParseInt(fields.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return 0, errors.New("an answer without a length")
	}
	v.body = io.LimitReader(io.MultiReader(head.R, in), n)
	return n, nil
}

// Read gives up on a server that is silent for too long.
func (v *visited) Read(p []byte) (int, error) {
	v.SetDeadline(time.Now().Add(idleTime))
	return v.body.Read(p)
}

func (v *visited) Close() error {
	v.stop()
	return v.Conn.Close()
}
