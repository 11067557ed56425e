package ipcfs

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// A model is a fifo as a list, with the messages that are out.
type model struct {
	list []int // numbers of messages, in the order of their coming
	out  []msg
	n    int
}

// TestFifoModel does random things to a fifo, none of which waits, and to a model.
func TestFifoModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		q := &fifo{depth: 1 + r.IntN(100), max: 1 << 20}
		m := &model{}
		if err := m.play(t, r, q, 2000); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		// At the end all that is out comes back, and nothing is missing.
		q.end(io.ErrClosedPipe)
		if err := q.put(t.Context(), []byte("x"), false); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("seed %d: put: %v", seed, err)
		}
		for _, x := range m.out {
			q.unlease(x, false)
			m.back(x)
		}
		for _, want := range m.list {
			x, err := q.take(t.Context(), false, false)
			if err != nil || string(x.data) != strconv.Itoa(want) {
				t.Fatalf("seed %d: %q, %v, want %d", seed, x.data, err, want)
			}
		}
		if _, err := q.take(t.Context(), false, false); !errors.Is(err, io.EOF) || q.bytes != 0 {
			t.Fatalf("seed %d: %v, %d bytes", seed, err, q.bytes)
		}
	}
}

func (m *model) back(x msg) {
	n, _ := strconv.Atoi(string(x.data))
	i, _ := slices.BinarySearch(m.list, n)
	m.list = slices.Insert(m.list, i, n)
}

func (m *model) play(t *testing.T, r *rand.Rand, q *fifo, steps int) error {
	for range steps {
		switch op := r.IntN(10); {
		case op < 5:
			err := q.put(t.Context(), []byte(strconv.Itoa(m.n)), false)
			if full := len(m.list) >= q.depth; full != errors.Is(err, errAgain) || !full && err != nil {
				return fmt.Errorf("put %d to %d of %d: %w", m.n, len(m.list), q.depth, err)
			}
			if err == nil {
				m.list = append(m.list, m.n)
			}
			m.n++
		case op < 8:
			lease := r.IntN(2) == 0
			x, err := q.take(t.Context(), lease, false)
			if len(m.list) == 0 {
				if !errors.Is(err, errAgain) {
					return fmt.Errorf("take of nothing: %q, %w", x.data, err)
				}
				continue
			}
			if err != nil || string(x.data) != strconv.Itoa(m.list[0]) {
				return fmt.Errorf("take: %q, want %d: %w", x.data, m.list[0], err)
			}
			m.list = m.list[1:]
			if lease {
				m.out = append(m.out, x)
			}
		case len(m.out) > 0:
			i := r.IntN(len(m.out))
			x, done := m.out[i], op == 8
			m.out = slices.Delete(m.out, i, i+1)
			q.unlease(x, done)
			if !done {
				m.back(x)
			}
		}
		if q.len() != len(m.list) || q.out != len(m.out) {
			return fmt.Errorf("%d messages and %d out, want %d and %d", q.len(), q.out, len(m.list), len(m.out))
		}
	}
	return nil
}
