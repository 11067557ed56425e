package proof

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"sync"
)

// maxTape is how much of either direction is kept: a handshake is some KiB.
const maxTape = 256 << 10

// A Tape is a connection of which all that goes over it is kept, until Stop, and of which
// TLS says by which secrets the handshake can be read.
type Tape struct {
	net.Conn

	mu        sync.Mutex
	done      bool
	in, out   bytes.Buffer
	inS, outS []byte // handshake traffic secrets, the client's and the server's
}

// Record gives a tape of a connection, and of conf a configuration for a server on it.
func Record(conn net.Conn, conf *tls.Config) (*Tape, *tls.Config) {
	t := &Tape{Conn: conn}
	conf = conf.Clone()
	conf.KeyLogWriter = (*secrets)(t)
	return t, conf
}

// Read reads and keeps it.
func (t *Tape) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.keep(&t.in, p[:n])
	return n, err
}

// Write writes and keeps it.
func (t *Tape) Write(p []byte) (int, error) {
	t.keep(&t.out, p)
	return t.Conn.Write(p)
}

func (t *Tape) keep(b *bytes.Buffer, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.done && b.Len()+len(p) <= maxTape {
		b.Write(p)
	}
}

// Stop ends the recording and forgets what there is of it.
func (t *Tape) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.inS)
	clear(t.outS)
	t.done, t.in, t.out, t.inS, t.outS = true, bytes.Buffer{}, bytes.Buffer{}, nil, nil
}

// secrets takes lines as NSS's key log has them.
type secrets Tape

func (s *secrets) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := strings.Fields(string(line)); len(f) == 3 {
		secret, _ := hex.DecodeString(f[2])
		switch f[0] {
		case "CLIENT_HANDSHAKE_TRAFFIC_SECRET":
			s.inS = secret
		case "SERVER_HANDSHAKE_TRAFFIC_SECRET":
			s.outS = secret
		}
	}
	return len(line), nil
}

var errTape = errors.New("the handshake cannot be read")

// Transcript gives what was said in a handshake that is over: its messages up to the
// client's signature, as they are hashed.
func (t *Tape) Transcript() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	theirs, err := messages(t.in.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	ours, err := messages(t.out.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	if len(theirs) == 0 || len(ours) == 0 {
		return nil, errTape
	}
	hellos := len(theirs) // two where the first was answered with a HelloRetryRequest
	hello := ours[len(ours)-1]
	s, err := suiteOf(hello)
	if err != nil || len(ours) != hellos || hellos > 2 {
		return nil, errTape
	}
	var all bytes.Buffer
	if hellos == 2 {
		h := s.hash.New()
		h.Write(theirs[0])
		sum := h.Sum(nil)
		all.Write([]byte{msgHash, 0, 0, byte(len(sum))})
		all.Write(sum)
		all.Write(ours[0])
	}
	all.Write(theirs[hellos-1])
	all.Write(hello)
	if ours, err = messages(t.out.Bytes(), s.opener(t.outS)); err != nil {
		return nil, err
	}
	if theirs, err = messages(t.in.Bytes(), s.opener(t.inS)); err != nil {
		return nil, err
	}
	if len(theirs) < hellos+2 {
		return nil, errTape
	}
	for _, m := range ours[hellos:] {
		all.Write(m)
	}
	for _, m := range theirs[hellos : hellos+2] {
		all.Write(m)
	}
	return all.Bytes(), nil
}

// messages gives the handshake messages in a direction's records, up to Finished: those that
// open opens too, if it is not nil.
func messages(b []byte, open func(header, body []byte) (typ byte, text []byte)) (all [][]byte, err error) {
	var said []byte
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		header, err := r.Peek(5)
		if err != nil {
			return all, nil
		}
		header = bytes.Clone(header)
		record, err := r.Peek(5 + int(header[3])<<8 + int(header[4]))
		if err != nil {
			return all, nil
		}
		typ, text := header[0], bytes.Clone(record[5:])
		r.Discard(len(record))
		if typ == recCipher {
			continue
		}
		if typ == recData {
			if open == nil {
				return all, nil
			}
			typ, text = open(header, text)
		}
		if typ != recHandshake {
			return nil, errTape
		}
		for said = append(said, text...); len(said) >= 4; {
			n := 4 + int(said[1])<<16 + int(said[2])<<8 + int(said[3])
			if len(said) < n {
				break
			}
			all, said = append(all, said[:n:n]), said[n:]
			if all[len(all)-1][0] == msgFinished {
				return all, nil
			}
		}
	}
}
