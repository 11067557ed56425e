package node

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv/srvtest"
)

// TestSNTP asks a server that is an hour ahead, after it has sent what is no answer.
func TestSNTP(t *testing.T) {
	srvtest.CheckGoroutines(t)
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var stratum byte = 2
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 100)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			answer := make([]byte, 48)
			answer[0], answer[1] = 4<<3|4, stratum
			c.WriteTo(answer, from) // to nobody's question
			c.WriteTo(b[:n], from)
			c.WriteTo(answer[:20], from)
			copy(answer[24:32], b[40:48])
			ahead := time.Now().Add(time.Hour)
			stamp(answer[32:], ahead)
			stamp(answer[40:], ahead)
			c.WriteTo(answer, from)
			stratum = 0
		}
	}()
	off, err := sntp(t.Context(), c.LocalAddr().String())
	if err != nil || (off-time.Hour).Abs() > 30*time.Minute {
		t.Errorf("%v, %v", off, err)
	}
	if _, err := sntp(t.Context(), c.LocalAddr().String()); err == nil || !strings.Contains(err.Error(), "refuses") {
		t.Errorf("a kiss of death: %v", err)
	}
	c.Close()
	<-done
	var b [8]byte
	binary.BigEndian.PutUint32(b[:], 1) // a second after 2036 has begun anew
	if got := ntpTime(b[:]).UTC().Format(time.DateTime); got != "2036-02-07 06:28:17" {
		t.Error(got)
	}
}

// TestClock: a question may be lost. Where there is no answer at all the step
// has failed, which is said, but opens no console: anybody of the network may see to that.
func TestClock(t *testing.T) {
	srvtest.CheckGoroutines(t)
	defer func(f func(*unix.Timeval) error) { settimeofday = f }(settimeofday)
	sets := 0
	settimeofday = func(*unix.Timeval) error { sets++; return nil }
	n := &node{cfg: Config{Console: []string{"rc"}}, log: NewLog(io.Discard), params: Params{NTP: timeServer(t, 1)}}
	if err := n.do(t.Context(), "clock", n.clock); err != nil || sets != 1 {
		t.Errorf("a question is lost: %v, %d times set", err, sets)
	}
	n.params.NTP = "127.0.0.1:1,127.0.0.1:2"
	err := n.do(t.Context(), "clock", n.clock)
	if log := n.log.String(); err == nil || !strings.Contains(log, "init: clock: 127.0.0.1:1: ") || !strings.Contains(log, "127.0.0.1:2: ") || strings.Contains(log, "console") || n.steps[1].state != "failed" {
		t.Errorf("no answer: %v, %s\n%s", err, n.steps[1].state, log)
	}
}

// timeServer is a server of SNTP whose time is this clock's, and that loses the first questions.
func timeServer(t *testing.T, loses int) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 100)
		for i := 0; ; i++ {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if i < loses {
				continue
			}
			answer := make([]byte, 48)
			answer[0], answer[1] = 4<<3|4, 2
			copy(answer[24:32], b[40:48])
			stamp(answer[32:], time.Now())
			stamp(answer[40:], time.Now())
			c.WriteTo(answer, from)
		}
	}()
	return c.LocalAddr().String()
}

// stamp writes a time as NTP has it.
func stamp(b []byte, at time.Time) {
	binary.BigEndian.PutUint32(b, uint32(at.Unix()+since1900))
	binary.BigEndian.PutUint32(b[4:], uint32(int64(at.Nanosecond())<<32/1e9))
}
