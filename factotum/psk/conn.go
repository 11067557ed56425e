package psk

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	maxPlain  = 16 << 10
	maxRecord = maxPlain + 2048
)

// A half is how one direction is sealed.
type half struct {
	seq  uint64
	aead cipher.AEAD // or
	iv   []byte
	mac  []byte // these
	cbc  cipher.Block
}

func newHalf(suite uint16, mac, key, iv []byte) *half {
	var err error
	h := &half{mac: mac, iv: iv}
	if suite == chacha {
		h.aead, err = chacha20poly1305.New(key)
	} else {
		h.cbc, err = aes.NewCipher(key)
	}
	if err != nil {
		panic(err) // the lengths are ours
	}
	return h
}

// head is what is authenticated in front of n bytes of a record.
func (h *half) head(kind byte, n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, h.seq)
	return append(b, kind, version>>8, version&0xff, byte(n>>8), byte(n))
}

// nonce is the IV and the record's number, RFC 7905.
func (h *half) nonce() []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n[4:], h.seq)
	subtle.XORBytes(n, n, h.iv)
	return n
}

func (h *half) sum(kind byte, p []byte) []byte {
	m := hmac.New(sha256.New, h.mac)
	m.Write(h.head(kind, len(p)))
	m.Write(p)
	return m.Sum(nil)
}

// errSeq ends a connection before a number is used twice.
var errSeq = errors.New("tls psk: too many records")

func (h *half) seal(kind byte, p []byte) ([]byte, error) {
	if h.seq == 1<<63 {
		return nil, errSeq
	}
	defer func() { h.seq++ }()
	if h.aead != nil {
		return h.aead.Seal(nil, h.nonce(), p, h.head(kind, len(p))), nil
	}
	body := append(append([]byte(nil), p...), h.sum(kind, p)...)
	pad := aes.BlockSize - len(body)%aes.BlockSize
	for range pad {
		body = append(body, byte(pad-1))
	}
	out := make([]byte, aes.BlockSize+len(body))
	rand.Read(out[:aes.BlockSize])
	cipher.NewCBCEncrypter(h.cbc, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], body)
	return out, nil
}

// open gives a record's bytes. A record that is wrong, whatever is wrong with it, is
// the connection's last one.
func (h *half) open(kind byte, p []byte) ([]byte, error) {
	bad := fail(alertBadMAC, "record that was changed, or of another key")
	if h.seq == 1<<63 {
		return nil, errSeq
	}
	defer func() { h.seq++ }()
	if h.aead != nil {
		n := len(p) - h.aead.Overhead()
		if n < 0 {
			return nil, bad
		}
		out, err := h.aead.Open(nil, h.nonce(), p, h.head(kind, n))
		if err != nil {
			return nil, bad
		}
		return out, nil
	}
	if len(p)%aes.BlockSize != 0 || len(p) < aes.BlockSize+sha256.Size+aes.BlockSize {
		return nil, bad
	}
	body := make([]byte, len(p)-aes.BlockSize)
	cipher.NewCBCDecrypter(h.cbc, p[:aes.BlockSize]).CryptBlocks(body, p[aes.BlockSize:])
	// The padding is looked at as a whole, and a MAC is made of as much as if it were
	// none, where it is wrong: RFC 5246, 6.2.3.2.
	pad := int(body[len(body)-1])
	good := subtle.ConstantTimeLessOrEq(pad+1+sha256.Size, len(body))
	for i := range min(256, len(body)) {
		in := subtle.ConstantTimeLessOrEq(i, pad)
		same := subtle.ConstantTimeByteEq(body[len(body)-1-i], byte(pad))
		good &= same | (in ^ 1)
	}
	n := len(body) - sha256.Size - subtle.ConstantTimeSelect(good, pad+1, 1)
	good &= subtle.ConstantTimeCompare(h.sum(kind, body[:n]), body[n:n+sha256.Size])
	if good != 1 {
		return nil, bad
	}
	return body[:n], nil
}

// A Conn is a connection after its handshake.
type Conn struct {
	net.Conn

	rmu  sync.Mutex
	read *half // nil: in the clear
	rest []byte
	rerr error

	wmu   sync.Mutex
	write *half
	werr  error
}

func (c *Conn) readRecord() (kind byte, p []byte, err error) {
	var head [5]byte
	if n, err := io.ReadFull(c.Conn, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // it was not said to be the end
		}
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(head[3:]))
	switch {
	case head[1] != version>>8:
		return 0, nil, fail(alertVersion, "not TLS 1.2")
	case n > maxRecord || c.read == nil && n > maxPlain:
		return 0, nil, fail(alertOverflow, "record is too long")
	}
	p = make([]byte, n)
	if _, err := io.ReadFull(c.Conn, p); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	if c.read != nil {
		if p, err = c.read.open(head[0], p); err != nil {
			return 0, nil, err
		}
		if len(p) > maxPlain {
			return 0, nil, fail(alertOverflow, "record is too long")
		}
	}
	return head[0], p, nil
}

func (c *Conn) writeRecord(kind byte, p []byte) error {
	if c.write != nil {
		var err error
		if p, err = c.write.seal(kind, p); err != nil {
			return err
		}
	}
	b := append([]byte{kind, version >> 8, version & 0xff, byte(len(p) >> 8), byte(len(p))}, p...)
	_, err := c.Conn.Write(b)
	return err
}

// refuse tells the other side why, as far as that is to be told.
func (c *Conn) refuse(err error) {
	var a *alertError
	if errors.As(err, &a) {
		c.wmu.Lock()
		defer c.wmu.Unlock()
		c.Conn.SetWriteDeadline(time.Now().Add(time.Second)) // nobody may read any more
		c.writeRecord(recAlert, []byte{2, a.alert})
	}
}

// maxEmpty is how many records without data may follow each other.
const maxEmpty = 32

// Read reads data. An end that the other side did not tell is io.ErrUnexpectedEOF.
func (c *Conn) Read(p []byte) (int, error) {
	c.rmu.Lock()
	defer c.rmu.Unlock()
	for range maxEmpty {
		if len(c.rest) > 0 || len(p) == 0 {
			n := copy(p, c.rest)
			c.rest = c.rest[n:]
			return n, nil
		}
		if c.rerr != nil {
			return 0, c.rerr
		}
		kind, data, err := c.readRecord()
		switch {
		case err != nil:
		case kind == recData:
			c.rest = data
			continue
		case kind == recAlert && len(data) == 2 && data[1] == alertClose:
			err = io.EOF
		case kind == recAlert:
			err = alerted(data)
		default:
			err = fail(alertUnexpected, "unexpected message")
		}
		var t net.Error
		if errors.As(err, &t) && t.Timeout() {
			return 0, err // and what was read of a record is lost: the next one is wrong
		}
		c.rerr = err
		c.refuse(err)
	}
	if c.rerr == nil {
		c.rerr = fail(alertUnexpected, "records without data")
		c.refuse(c.rerr)
	}
	return 0, c.rerr
}

// Write writes data.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	for len(p) > 0 && c.werr == nil {
		m := min(len(p), maxPlain)
		if c.werr = c.writeRecord(recData, p[:m]); c.werr == nil {
			n, p = n+m, p[m:]
		}
	}
	return n, c.werr
}

// Close tells the other side, and closes the connection below.
func (c *Conn) Close() error {
	if c.wmu.TryLock() { // else somebody writes, whom closing ends
		if c.werr == nil {
			c.Conn.SetWriteDeadline(time.Now().Add(time.Second)) // nobody may read any more
			c.writeRecord(recAlert, []byte{1, alertClose})
			c.werr = net.ErrClosed
		}
		c.wmu.Unlock()
	}
	return c.Conn.Close()
}
