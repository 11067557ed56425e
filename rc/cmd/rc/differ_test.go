package rc

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// TestDiffer gives the same scripts to Plan 9's rc and to ours.
func TestDiffer(t *testing.T) {
	theirs, ours := plan9(t), shell(t)
	f, err := os.Open("../../testdata/differ.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var name, differs string
	var s script
	count := 0
	compare := func() {
		if count++; name == "" || race && count%8 != 0 {
			return
		}
		s, name, differs := s, name, differs
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.run(t, ours)
			if differs != "" {
				if got.status < 0 || got.status == 2 && strings.Contains(got.stderr, "goroutine ") {
					t.Errorf("status %d\n%s", got.status, got.stderr)
				}
				return
			}
			want := s.run(t, theirs)
			if got.stdout != want.stdout || got.status != want.status || got.files != want.files {
				t.Errorf("%s\ngot  %q, status %d, files\n%swant %q, status %d, files\n%sstderr %s\ntheirs %s",
					s.text, got.stdout, got.status, got.files, want.stdout, want.status, want.files, got.stderr, want.stderr)
			}
		})
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		key, value, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "|"):
			s.text += line[1:] + "\n"
		case key == "case":
			name, differs, s = value, "", script{}
		case key == "differs":
			differs = value
		case line == "":
			compare()
			name = ""
		}
	}
	compare()
}
