package procfs

import (
	"strconv"
	"strings"
	"time"
)

// A Status is what a process's file status says, as far as a list of processes shows it.
type Status struct {
	Name, User, State string
	Utime, Stime      time.Duration // of processors, in its own code and in the system's
	Size              uint64        // bytes of memory
}

// ParseStatus reads the text of a file status, proc(3): the name and the user's in 28 bytes each, the
// state in 12, then numbers, of which the first two are ms of processors and the seventh is KiB.
func ParseStatus(text string) (s Status, ok bool) {
	if len(text) < 28+28+12 {
		return s, false
	}
	f := strings.Fields(text[68:])
	if len(f) < 7 {
		return s, false
	}
	s.Name, s.User, s.State = Printable(text[:28]), Printable(text[28:56]), Printable(text[56:68])
	number := func(i int) uint64 { n, _ := strconv.ParseUint(f[i], 10, 64); return n }
	s.Utime, s.Stime = time.Duration(number(0))*time.Millisecond, time.Duration(number(1))*time.Millisecond
	s.Size = number(6) << 10
	return s, true
}

// Printable takes away what a terminal might obey: anybody names his process.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
			return '?'
		}
		return r
	}, strings.TrimSpace(s))
}
