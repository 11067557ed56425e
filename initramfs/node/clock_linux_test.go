package node

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

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
