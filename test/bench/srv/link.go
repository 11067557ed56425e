package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"

	"ninespace/srv/p9"
)

// message is what is sent.
var message = bytes.Repeat([]byte{'m'}, 100)

// A link is a client: it sends requests by slot and reads the replies.
type link struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte

	request func(out []byte, slot int) []byte
	reply   func(in *bufio.Reader) (slot int, err error)
}

func newLink(socket string) (*link, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &link{conn: c, in: bufio.NewReaderSize(c, 64<<10)}, nil
}

func (l *link) close() { l.conn.Close() }

func (l *link) flush() error {
	_, err := l.conn.Write(l.out)
	l.out = l.out[:0]
	return err
}

// drive has n requests answered, with up to depth on their way. What there is of
// replies is taken before more is sent, with one write.
func (l *link) drive(depth, n int) error {
	begun := 0
	for ; begun < depth && begun < n; begun++ {
		l.out = l.request(l.out, begun)
	}
	for done := 0; done < n; {
		if err := l.flush(); err != nil {
			return err
		}
		for first := true; done < n && (first || l.in.Buffered() > 0); first = false {
			slot, err := l.reply(l.in)
			if err != nil {
				return err
			}
			if done++; begun < n {
				begun++
				l.out = l.request(l.out, slot)
			}
		}
	}
	return nil
}

// 9P2000.L, as far as it is needed. Fid 0 is the root, fid 1 what is worked on.

var le = binary.LittleEndian

func ninep(s *server) (*link, error) {
	l, err := newLink(s.socket)
	if err != nil {
		return nil, err
	}
	for _, f := range []p9.Fcall{
		{Type: p9.Tversion, Tag: p9.NoTag, Msize: 64 << 10, Version: p9.Version9P2000L},
		{Type: p9.Tattach, Fid: 0, Afid: p9.NoFid, Uname: "", Nuname: 0},
	} {
		if err := l.rpc(&f); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// rpc does one request.
func (l *link) rpc(f *p9.Fcall) error {
	_, err := l.ask(f)
	return err
}

// ask does one request and gives the whole reply.
func (l *link) ask(f *p9.Fcall) ([]byte, error) {
	var err error
	if l.out, err = f.Append(l.out, true); err == nil {
		err = l.flush()
	}
	if err != nil {
		return nil, err
	}
	head, err := l.in.Peek(4)
	if err != nil {
		return nil, err
	}
	b := make([]byte, le.Uint32(head))
	if _, err := io.ReadFull(l.in, b); err != nil {
		return nil, err
	}
	if p9.Type(b[4]) != f.Type+1 {
		return nil, fmt.Errorf("%v: answered by %v %x", f.Type, p9.Type(b[4]), b[7:])
	}
	return b, nil
}

// open opens a file of the server as fid 1.
func (l *link) open(mode p9.Mode, names ...string) error {
	err := l.rpc(&p9.Fcall{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: names})
	if err == nil {
		err = l.rpc(&p9.Fcall{Type: p9.Tlopen, Fid: 1, Flags: mode.Linux()})
	}
	if err != nil {
		return fmt.Errorf("%q: %w", names, err)
	}
	return nil
}

// writes has the link write messages to fid 1.
func (l *link) writes() {
	l.request = func(out []byte, slot int) []byte {
		out = frame(out, p9.Twrite, slot, 16+len(message))
		out = le.AppendUint32(out, uint32(len(message)))
		return append(out, message...)
	}
	l.reply = func(in *bufio.Reader) (int, error) { return answer(in, p9.Rwrite, 0) }
}

// reads has it read them.
func (l *link) reads() {
	l.request = func(out []byte, slot int) []byte {
		out = frame(out, p9.Tread, slot, 16)
		return le.AppendUint32(out, 8192)
	}
	l.reply = func(in *bufio.Reader) (int, error) { return answer(in, p9.Rread, len(message)) }
}

// frame begins a read or write of fid 1 at 0.
func frame(out []byte, t p9.Type, slot, body int) []byte {
	out = le.AppendUint32(out, uint32(p9.HdrSz+body))
	out = append(out, byte(t), byte(slot), byte(slot>>8))
	out = le.AppendUint32(out, 1)
	return le.AppendUint64(out, 0)
}

// answer takes a reply, with as many bytes behind its count, and gives its tag.
func answer(in *bufio.Reader, want p9.Type, bytes int) (int, error) {
	const head = p9.HdrSz + 4
	b, err := in.Peek(head)
	if err != nil {
		return 0, err
	}
	if p9.Type(b[4]) != want || int(le.Uint32(b)) != head+bytes {
		return 0, fmt.Errorf("%v of %d bytes: answered by %v of %d", want, head+bytes, p9.Type(b[4]), le.Uint32(b))
	}
	slot := int(le.Uint16(b[5:]))
	_, err = in.Discard(head + bytes)
	return slot, err
}

// Redis's own protocol. Replies come in order, so that any slot will do.

func (l *link) command(words ...string) {
	l.out = fmt.Appendf(l.out, "*%d\r\n", len(words))
	for _, w := range words {
		l.out = fmt.Appendf(l.out, "$%d\r\n%s\r\n", len(w), w)
	}
}

// asks has the link send one command again and again, whose reply begins with a byte
// and has as many lines.
func (l *link) asks(begin byte, lines int, words ...string) {
	l.command(words...)
	cmd := l.out
	l.out = nil
	l.request = func(out []byte, _ int) []byte { return append(out, cmd...) }
	l.reply = func(in *bufio.Reader) (int, error) {
		for i := range lines {
			b, err := in.ReadSlice('\n')
			if err != nil {
				return 0, err
			}
			if i == 0 && b[0] != begin {
				return 0, fmt.Errorf("redis %s: %s", words[0], strconv.Quote(string(b)))
			}
		}
		return 0, nil
	}
}
