package netboot

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A status is an answer that is no file.
type status struct {
	code int
	text string
}

func (e *status) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

var codes = [...]status{{200, "OK"}, {206, "Partial Content"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
	{405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {411, "Length Required"}, {413, "Content Too Large"},
	{416, "Range Not Satisfiable"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}}

func reason(code int) string {
	for _, s := range codes {
		if s.code == code {
			return s.text
		}
	}
	return "Error"
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
func (w *web) file(a *ask, f *os.File) (sent int64, err error) {
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
