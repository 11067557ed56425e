package rc

import (
	"strings"
	"testing"

	"ninespace/srv/srvtest"
)

// TestRedraw: ^L shows all of the prompt and the line alone, whatever a program has written
// into it; under stty tostop that program waits.
func TestRedraw(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	only := func(text string) {
		t.Helper()
		if w.keys("C-l"); !srvtest.Until(func() bool { return w.shown() == text }) {
			t.Fatalf("%q is not all there is", text)
		}
	}
	w.until("%")
	w.line("nl='\n' prompt=(first^`''{echo}^'% ' more)", "first")
	w.keys("for(i in a) {", "Enter", "echo $i")
	w.until("% for(i in a) {\necho $i")
	only("first\n% for(i in a) {\necho $i")
	w.keys(" "+strings.Repeat("x", 100), "Enter", "}")
	only("first\n% for(i in a) {\necho $i " + strings.Repeat("x", 72) + "\n" + strings.Repeat("x", 28) + "\n}")
	w.keys("C-c", "C-l", "sh -c 'until [ -e go ]; do sleep .1; done; echo written'&", "Enter")
	w.until("first\n%")
	w.keys("echo typed")
	w.until("% echo typed")
	w.file("go", "")
	w.until("% echo typedwritten")
	only("first\n% echo typed")
	w.keys("Enter")
	w.until("% echo typed\ntyped\nfirst\n%")

	w.keys("C-l", "stty tostop", "Enter")
	w.until("tostop\nfirst\n%")
	w.keys("sh -c 'echo later'&", "Enter")
	w.until("first\n%")
	w.keys("C-l")
	if !srvtest.Until(func() bool { // with what has left the screen by then
		w.keys("Enter")
		return strings.Contains(w.capture("-S", "-"), "stopped (it writes to the terminal")
	}) {
		t.Fatal("it was not stopped")
	}
	w.keys("C-l", "fg", "Enter")
	w.until("\nlater\nfirst\n%")
}
