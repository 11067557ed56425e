package main

import (
	"bufio"
	le "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sort"
	"strings"
	"sync"

	"ninespace/factotum/authtest"
)

// A drawterm is what 9front's program of that name is to a cpu server, slow and simple and
// by none of our code: the other end of Plan 9's door, and a server of 9P2000, as much of
// it as exportfs(4) has there. What is not exactly a message of 9P2000 ends it.
type drawterm struct {
	conn   net.Conn
	stream *authtest.Stream
	in     *bufio.Reader
	send   sync.Mutex

	mu     sync.Mutex
	files  map[string]*termFile // by path, "" is the root
	fids   map[uint32]*termFid
	held   map[uint16]uint16 // tags of flushes, by the tag that they flush
	said   []string          // what was asked, message by message
	reads  sync.WaitGroup
	closed chan struct{}
}

type termFile struct {
	dir  bool
	data []byte
	cons chan string // reads are of these and wait for them; nil: the file is data
}

type termFid struct {
	path string
	open bool
}

// newDrawterm goes in at a door.
func newDrawterm(conn net.Conn, p authtest.Peer) (*drawterm, error) {
	s, _, err := p.Client(conn)
	if err != nil {
		return nil, err
	}
	d := &drawterm{conn: conn, stream: s, files: map[string]*termFile{}, fids: map[uint32]*termFid{}, held: map[uint16]uint16{}, closed: make(chan struct{})}
	d.in = bufio.NewReader(records{s})
	for _, name := range []string{"", "dev", "env"} {
		d.files[name] = &termFile{dir: true}
	}
	d.files["dev/cons"] = &termFile{cons: make(chan string, 10)}
	return d, nil
}

type records struct{ s *authtest.Stream }

func (r records) Read(p []byte) (int, error) {
	b, err := r.s.Recv()
	if err == nil && len(b) > len(p) {
		err = errors.New("a record longer than the buffer")
	}
	return copy(p, b), err
}

// script sends one.
func (d *drawterm) script(text string) error {
	return d.stream.Send(fmt.Appendf(nil, "%7d\n%s", len(text), text))
}

// words takes a message apart: b, h, w and q are numbers of 1, 2, 4 and 8 bytes, s is a
// string, d are data behind a w.
func words(m []byte, format string) (out []any, err error) {
	take := func(n uint64) []byte {
		if uint64(len(m)) < n {
			panic(errors.New("a message that is too short"))
		}
		b := m[:n]
		m = m[n:]
		return b
	}
	defer func() {
		if e := recover(); e != nil {
			err = e.(error)
		}
	}()
	for _, f := range format {
		switch f {
		case 'b':
			out = append(out, take(1)[0])
		case 'h':
			out = append(out, le.LittleEndian.Uint16(take(2)))
		case 'w':
			out = append(out, le.LittleEndian.Uint32(take(4)))
		case 'q':
			out = append(out, le.LittleEndian.Uint64(take(8)))
		case 's':
			out = append(out, string(take(uint64(le.LittleEndian.Uint16(take(2))))))
		case 'd':
			out = append(out, take(uint64(le.LittleEndian.Uint32(take(4)))))
		case 'N':
			var names []string
			for n := le.LittleEndian.Uint16(take(2)); n > 0; n-- {
				names = append(names, string(take(uint64(le.LittleEndian.Uint16(take(2))))))
			}
			out = append(out, names)
		case 'S':
			out = append(out, take(uint64(le.LittleEndian.Uint16(take(2)))))
		}
	}
	if len(m) > 0 {
		err = fmt.Errorf("%d bytes too many", len(m))
	}
	return out, err
}

func str(s string) []byte { return append(le.LittleEndian.AppendUint16(nil, uint16(len(s))), s...) }

func num(n uint32) []byte { return le.LittleEndian.AppendUint32(nil, n) }

func (d *drawterm) reply(kind byte, tag uint16, body ...[]byte) {
	m := []byte{0, 0, 0, 0, kind, byte(tag), byte(tag >> 8)}
	for _, b := range body {
		m = append(m, b...)
	}
	le.LittleEndian.PutUint32(m, uint32(len(m)))
	d.send.Lock()
	defer d.send.Unlock()
	for len(m) > 0 {
		n := min(len(m), 8000)
		if d.stream.Send(m[:n]) != nil {
			return
		}
		m = m[n:]
	}
}

func (d *drawterm) fail(tag uint16, why string) { d.reply(107, tag, str(why)) }

// serve answers until the connection ends.
func (d *drawterm) serve() error {
	defer d.reads.Wait()
	defer close(d.closed)
	for {
		var head [7]byte
		if _, err := io.ReadFull(d.in, head[:]); err != nil {
			return nil
		}
		n := le.LittleEndian.Uint32(head[:])
		if n < 7 || n > 66000 {
			return fmt.Errorf("a message of %d bytes", n)
		}
		m := make([]byte, n-7)
		if _, err := io.ReadFull(d.in, m); err != nil {
			return err
		}
		if err := d.message(head[4], le.LittleEndian.Uint16(head[5:]), m); err != nil {
			return fmt.Errorf("message type %d: %w", head[4], err)
		}
	}
}

// formats of T-messages, intro(5).
var formats = map[byte]string{100: "ws", 102: "wss", 104: "wwss", 108: "h", 110: "wwN", 112: "wb", 114: "wswb", 116: "wqw", 118: "wqd", 120: "w", 122: "w", 124: "w", 126: "wS"}

func (d *drawterm) message(kind byte, tag uint16, m []byte) error {
	format, ok := formats[kind]
	if !ok {
		return errors.New("not one of 9P2000")
	}
	w, err := words(m, format)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, fmt.Sprintf("%d %v", kind, w))
	switch kind {
	case 100:
		if !strings.HasPrefix(w[1].(string), "9P2000") {
			d.fail(tag, "Bad 9P2000 version")
			return nil
		}
		d.reply(101, tag, num(min(w[0].(uint32), 65560)), str("9P2000"))
		return nil
	case 102:
		d.fail(tag, "exportfs: authentication not required")
		return nil
	case 104:
		d.fids[w[0].(uint32)] = &termFid{}
		d.reply(105, tag, d.qid(""))
		return nil
	case 108:
		// It is answered when what it flushes has been: nothing is interrupted there.
		if old := w[0].(uint16); d.held[old] != 0 {
			d.held[old] = tag
			return nil
		}
		d.reply(109, tag)
		return nil
	}
	fid := d.fids[w[0].(uint32)]
	if fid == nil {
		d.fail(tag, "Bad fid")
		return nil
	}
	f := d.files[fid.path]
	switch kind {
	case 110:
		path, qids := fid.path, []byte(nil)
		names := w[2].([]string)
		n := 0
		for _, name := range names {
			next := strings.TrimPrefix(path+"/"+name, "/")
			if d.files[next] == nil {
				break
			}
			path, n = next, n+1
			qids = append(qids, d.qid(path)...)
		}
		if n < len(names) && n == 0 {
			d.fail(tag, "file does not exist: '"+names[0]+"'")
			return nil
		}
		if n == len(names) {
			d.fids[w[1].(uint32)] = &termFid{path: path}
		}
		d.reply(111, tag, []byte{byte(n), 0}, qids)
	case 112:
		if f == nil {
			d.fail(tag, "file does not exist")
			return nil
		}
		if w[1].(byte)&16 != 0 {
			f.data = nil
		}
		fid.open = true
		d.reply(113, tag, d.qid(fid.path), num(0))
	case 114:
		path := strings.TrimPrefix(fid.path+"/"+w[1].(string), "/")
		d.files[path] = &termFile{dir: w[2].(uint32)&(1<<31) != 0}
		fid.path, fid.open = path, true
		d.reply(115, tag, d.qid(path), num(0))
	case 116:
		if !fid.open {
			return errors.New("a read of a file that is not open")
		}
		d.read(tag, f, fid.path, w[1].(uint64), int(w[2].(uint32)))
	case 118:
		if !fid.open {
			return errors.New("a write to a file that is not open")
		}
		p := w[2].([]byte)
		f.data = append(f.data, p...)
		d.reply(119, tag, num(uint32(len(p))))
	case 120, 122:
		delete(d.fids, w[0].(uint32))
		if kind == 122 {
			delete(d.files, fid.path)
		}
		d.reply(kind+1, tag)
	case 124:
		s := d.stat(fid.path)
		d.reply(125, tag, le.LittleEndian.AppendUint16(nil, uint16(len(s))), s)
	case 126:
		return d.wstat(tag, fid, w[1].([]byte))
	}
	return nil
}

// wstat does of it a change of name, which no other file may have.
func (d *drawterm) wstat(tag uint16, fid *termFid, s []byte) error {
	const head = 2 + 2 + 4 + 13 + 4 + 4 + 4 + 8
	if len(s) < head+2 || len(s)-head-2 < int(le.LittleEndian.Uint16(s[head:])) {
		return errors.New("a stat that is too short")
	}
	name := string(s[head+2:][:le.LittleEndian.Uint16(s[head:])])
	dir, base := split(fid.path)
	if name != "" && name != base {
		to := strings.TrimPrefix(dir+"/"+name, "/")
		if d.files[to] != nil {
			d.fail(tag, "file already exists")
			return nil
		}
		d.files[to] = d.files[fid.path]
		delete(d.files, fid.path)
		fid.path = to
	}
	d.reply(127, tag)
	return nil
}

func (d *drawterm) read(tag uint16, f *termFile, path string, off uint64, count int) {
	if f.dir {
		var all []byte
		var names []string
		for name := range d.files {
			if dir, base := split(name); name != "" && dir == path && base != "" {
				names = append(names, name)
			}
		}
		sort.Strings(names)
		for _, name := range names {
			all = append(all, d.stat(name)...)
		}
		d.data(tag, all[min(off, uint64(len(all))):], count)
		return
	}
	if f.cons == nil {
		d.data(tag, f.data[min(off, uint64(len(f.data))):], count)
		return
	}
	d.held[tag] = 0xffff
	d.reads.Go(func() {
		var text string
		select {
		case text = <-f.cons:
		case <-d.closed:
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		flush := d.held[tag]
		delete(d.held, tag)
		d.data(tag, []byte(text), count)
		if flush != 0xffff {
			d.reply(109, flush)
		}
	})
}

func (d *drawterm) data(tag uint16, b []byte, count int) {
	b = b[:min(len(b), count)]
	d.reply(117, tag, num(uint32(len(b))), b)
}

func split(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

// qid is a file's: its path's hash.
func (d *drawterm) qid(path string) []byte {
	h := uint64(14695981039346656037)
	for i := range len(path) {
		h = (h ^ uint64(path[i])) * 1099511628211
	}
	kind := byte(0)
	if f := d.files[path]; f != nil && f.dir {
		kind = 0x80
	}
	return le.LittleEndian.AppendUint64([]byte{kind, 0, 0, 0, 0}, h)
}

// stat is a file's, stat(5). A directory's mode is what Plan 9's devices say, whatever may be
// made there.
func (d *drawterm) stat(path string) []byte {
	f := d.files[path]
	mode := uint32(0o666)
	if f.dir {
		mode = 1<<31 | 0o555
	}
	_, base := split(path)
	if path == "" {
		base = "/"
	}
	b := append([]byte{0, 0, 0, 0, 0, 0}, d.qid(path)...)
	b = append(append(append(b, num(mode)...), num(0)...), num(0)...)
	b = le.LittleEndian.AppendUint64(b, uint64(len(f.data)))
	for _, s := range []string{base, "glenda", "glenda", "glenda"} {
		b = append(b, str(s)...)
	}
	return append(le.LittleEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// file gives what was written to a file, or that there is none.
func (d *drawterm) file(path string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[path]
	if f == nil {
		return "", false
	}
	return string(f.data), true
}
