package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"

	"ninespace/srv/p9"
)

// An ahead is a conversation by a 9P connection of its own, with several messages on
// their way: netfs keeps their order. It is written or read, not both at a time.
type ahead struct {
	conn  net.Conn
	in    *bufio.Reader
	depth int // messages
	size  int // of each
	wrote int // writes that are on their way
	asked int // reads that are
	tag   byte
	head  []byte
	rest  int // bytes of a reply that are still to be read
}

var le = binary.LittleEndian

const dataFid = 2

// dialAhead makes a conversation.
func (s *netfsServer) dialAhead(addr string, depth, size int) (io.ReadWriteCloser, error) {
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		return nil, err
	}
	a := &ahead{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), depth: depth, size: size}
	var number string
	for _, f := range []p9.Fcall{
		{Type: p9.Tversion, Tag: p9.NoTag, Msize: p9.MaxMsize, Version: p9.Version9P2000L},
		{Type: p9.Tattach, Fid: 0, Afid: p9.NoFid, Nuname: 0},
		{Type: p9.Twalk, Fid: 0, Newfid: 1, Wname: []string{"tcp", "clone"}},
		{Type: p9.Tlopen, Fid: 1, Flags: p9.ORDWR.Linux()},
		{Type: p9.Tread, Fid: 1, Count: 32},
		{Type: p9.Twrite, Fid: 1, Data: []byte("connect " + strings.Replace(addr, ":", "!", 1))},
		{Type: p9.Twalk, Fid: 0, Newfid: dataFid},
		{Type: p9.Tlopen, Fid: dataFid, Flags: p9.ORDWR.Linux()},
	} {
		if f.Newfid == dataFid {
			f.Wname = []string{"tcp", number, "data"}
		}
		reply, err := a.rpc(&f)
		if err != nil {
			conn.Close()
			return nil, err
		}
		if f.Type == p9.Tread {
			number = strings.TrimSpace(string(reply[p9.HdrSz+4:]))
		}
	}
	return a, nil
}

// rpc does one request and gives the whole reply.
func (a *ahead) rpc(f *p9.Fcall) ([]byte, error) {
	b, err := f.Append(nil, true)
	if err == nil {
		_, err = a.conn.Write(b)
	}
	if err != nil {
		return nil, err
	}
	head, err := a.in.Peek(4)
	if err != nil {
		return nil, err
	}
	b = make([]byte, le.Uint32(head))
	if _, err := io.ReadFull(a.in, b); err != nil {
		return nil, err
	}
	if p9.Type(b[4]) != f.Type+1 {
		return nil, fmt.Errorf("%v: answered by %v %x", f.Type, p9.Type(b[4]), b[7:])
	}
	return b, nil
}

// request begins a message about count bytes of data.
func (a *ahead) request(t p9.Type, size, count int) {
	b := le.AppendUint32(a.head, uint32(size))
	b = append(b, byte(t), a.tag, 0)
	a.tag++ // comes again long after its reply: they are in order
	b = le.AppendUint32(b, dataFid)
	b = le.AppendUint64(b, 0)
	a.head = le.AppendUint32(b, uint32(count))
}

// reply takes the head of a reply, and gives the number in it.
func (a *ahead) reply(want p9.Type) (int, error) {
	var b [p9.HdrSz + 4]byte
	if _, err := io.ReadFull(a.in, b[:]); err != nil {
		return 0, err
	}
	if p9.Type(b[4]) != want {
		return 0, fmt.Errorf("%v is answered by %v", want-1, p9.Type(b[4]))
	}
	return int(le.Uint32(b[p9.HdrSz:])), nil
}

const requestHead = p9.HdrSz + 16

func (a *ahead) Write(p []byte) (int, error) {
	a.head = a.head[:0]
	a.request(p9.Twrite, requestHead+len(p), len(p))
	bufs := net.Buffers{a.head, p}
	if _, err := bufs.WriteTo(a.conn); err != nil {
		return 0, err
	}
	a.wrote++
	if a.wrote < a.depth {
		return len(p), nil
	}
	return len(p), a.written()
}

// written takes the reply of a write.
func (a *ahead) written() error {
	_, err := a.reply(p9.Rwrite)
	a.wrote--
	return err
}

// Read reads what comes, after what was written.
func (a *ahead) Read(p []byte) (int, error) {
	if a.rest == 0 {
		for a.wrote > 0 {
			if err := a.written(); err != nil {
				return 0, err
			}
		}
		a.head = a.head[:0]
		for ; a.asked < a.depth; a.asked++ {
			a.request(p9.Tread, requestHead, a.size)
		}
		_, err := a.conn.Write(a.head)
		if err == nil {
			a.rest, err = a.reply(p9.Rread)
		}
		if err == nil && a.rest == 0 {
			err = io.EOF
		}
		if a.asked--; err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(a.in, p[:min(len(p), a.rest)])
	a.rest -= n
	return n, err
}

func (a *ahead) Close() error { return a.conn.Close() }
