package term

import (
	"io"
	"os"
	"strings"
	"testing"
)

// typed gives what the editor reads of what is typed, and what is pasted.
func typed(t *testing.T, text string) (string, []string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		w.WriteString(text)
		w.Close()
	}()
	k := &keys{tty: &TTY{fd: int(r.Fd())}}
	b, err := io.ReadAll(k)
	if err != nil {
		t.Fatal(err)
	}
	if !k.hungUp() {
		t.Error("the end is not known")
	}
	return string(b), k.pastes
}

func TestKeys(t *testing.T) {
	long := strings.Repeat("line\n", 100_000)
	for in, want := range map[string]string{
		"abc\n":                                  "abc\n",
		"é日":                                     "é日",
		"\x1b[A":                                 "\x1b[A",
		"\x1bf":                                  "\x1bf",
		"\x1b\x7f":                               "\x17",
		"\x1b[1;5D":                              "\x1bb",
		"\x1b[1;5C":                              "\x1bf",
		"\x1b[5;1R":                              "",
		"a\x1b[200~b\x1b[201~c":                  "a" + pasteMark + "c",
		"\x1b[200~" + long + "\x1b[201~":         pasteMark,
		"\x1b[200~a":                             "",
		"\x1b[200~a\x1b[201~\x1b[200~b\x1b[201~": pasteMark + pasteMark,
	} {
		if got, _ := typed(t, in); got != want {
			t.Errorf("%.40q: got %.40q", in, got)
		}
	}
	_, pastes := typed(t, "\x1b[200~"+long+"\x1b[201~\x1b[200~\x1b[31m\x1b[201~")
	if len(pastes) != 2 || pastes[0] != strings.TrimRight(long, "\n") || pastes[1] != "[31m" {
		t.Errorf("got %d pastes", len(pastes))
	}
}
