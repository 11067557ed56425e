package cpu

import (
	"os"
	"testing"

	"ninespace/srv/p9"
)

// TestPlan9StatusLost: a status file that is closed with nothing written, as by a connection
// that is lost, is not taken for success.
func TestPlan9StatusLost(t *testing.T) {
	for text, want := range map[string]bool{"": false, "\n": true, "7\n": true} {
		s := newStdio([3]*os.File{os.Stdin, os.Stdout, os.Stderr})
		f := &statusFile{t: s}
		h, err := f.Open(t.Context(), p9.OWRITE)
		if err != nil {
			t.Fatal(err)
		}
		sh := h.(*statusHandle)
		if text != "" {
			if _, err := sh.Write(t.Context(), []byte(text), 0); err != nil {
				t.Fatal(err)
			}
		}
		sh.Clunk()
		if got, ok := s.status(); ok != want {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}
