package aan

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	headerSize = 12
	maxData    = 64<<10 - headerSize // of a message: with the header whole records of TLS
	smallData  = 4 << 10             // a message of no more has memory of its own size
	window     = 4 << 20             // cost of what the other end has not read
	ackEvery   = 256 << 10           // bytes read are acked at the latest
	overhead   = 128                 // what a message costs besides its data
	readSize   = 4 << 10             // read ahead of a message; the rest goes to where it stays

	noNumber = 1<<32 - 1 // of a message that only acks
	noMore   = 1<<32 - 2 // of one that says that no more is read
)

// A message is one that was sent or received: its header and data, and how many bytes of
// these were read.
type message struct {
	b   []byte
	off int
}

func (m *message) data() []byte { return m.b[headerSize:] }

func (m *message) cost() int { return len(m.b) + overhead }

func (m *message) header(number, acked uint32) {
	binary.LittleEndian.PutUint32(m.b, uint32(len(m.b)-headerSize))
	binary.LittleEndian.PutUint32(m.b[4:], number)
	binary.LittleEndian.PutUint32(m.b[8:], acked)
}

// pool has the large messages that nobody uses.
var pool = sync.Pool{New: func() any { return &message{b: make([]byte, headerSize+maxData)} }}

func newMessage(size int) *message {
	if size <= smallData {
		return &message{b: make([]byte, headerSize+size)}
	}
	m := pool.Get().(*message)
	m.b, m.off = m.b[:headerSize+size], 0
	return m
}

func (m *message) free() {
	if cap(m.b) >= headerSize+maxData {
		pool.Put(m)
	}
}

// add appends to a message that has not been sent and tells how much there was room for.
func (m *message) add(p []byte) int {
	n := min(len(p), headerSize+maxData-len(m.b))
	if n > 0 && len(m.b)+n > cap(m.b) {
		old := m.b
		*m = *newMessage(maxData)
		m.b = append(m.b[:0], old...)
	}
	m.b = append(m.b, p[:n]...)
	return n
}

// readMessage reads one; m is nil if there is no data.
func readMessage(r *bufio.Reader) (m *message, number, acked uint32, err error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, 0, 0, err
	}
	size := binary.LittleEndian.Uint32(h[:])
	number, acked = binary.LittleEndian.Uint32(h[4:]), binary.LittleEndian.Uint32(h[8:])
	if size > maxData {
		return nil, 0, 0, fmt.Errorf("%w: a message of %d bytes", errProto, size)
	}
	if size == 0 {
		return nil, number, acked, nil
	}
	m = newMessage(int(size))
	if _, err := io.ReadFull(r, m.data()); err != nil {
		m.free()
		return nil, 0, 0, err
	}
	return m, number, acked, nil
}

// Hellos.
const (
	magic     = "aan1"
	idSize    = 32
	helloSize = 4 + 4 + 4 + 4

	begun = 1 // in a client's hello: the session was answered once

	statusOK   = 0 // in an answer
	statusGone = 1
	statusFull = 2

	minEvery = 5 * time.Millisecond
	maxEvery = 5 * time.Minute
)

// A hello is what an end says at the start of a link.
type hello struct {
	word     uint32 // of a client what it knows, of a server whether it is to be
	received uint32
	every    time.Duration
}

func newID() (id [idSize]byte) {
	rand.Read(id[:])
	return id
}

// hello is what there is to say of the session.
func (c *Conn) hello(word uint32) hello { return hello{word, c.received, c.cfg.Every} }

// send sends it, with a client's id.
func (h hello) send(link net.Conn, id []byte) error {
	b := []byte(magic)
	for _, n := range []uint32{h.word, h.received, uint32(h.every / time.Millisecond)} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	link.SetWriteDeadline(time.Now().Add(helloLimit))
	_, err := link.Write(append(b, id...))
	link.SetWriteDeadline(time.Time{})
	return err
}

func readHello(r io.Reader) (h hello, err error) {
	var b [helloSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return h, fmt.Errorf("hello: %w", err)
	}
	if string(b[:4]) != magic {
		return h, fmt.Errorf("%w: it begins with %q", errProto, b[:4])
	}
	h.word = binary.LittleEndian.Uint32(b[4:])
	h.received = binary.LittleEndian.Uint32(b[8:])
	h.every = time.Duration(binary.LittleEndian.Uint32(b[12:])) * time.Millisecond
	if h.every < minEvery || h.every > maxEvery {
		return h, fmt.Errorf("%w: it will be heard of every %v", errProto, h.every)
	}
	return h, nil
}

// readAnswer reads a server's hello.
func readAnswer(r io.Reader) (hello, error) {
	h, err := readHello(r)
	switch {
	case err != nil:
		return h, err
	case h.word == statusOK:
		return h, nil
	case h.word == statusFull:
		return h, errFull
	}
	return h, ErrGone
}
