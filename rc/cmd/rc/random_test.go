package rc

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"ninespace/rc/rcgen"
)

var seed = flag.Uint64("seed", 0, "the first random program's `number`")

// TestRandom gives random programs to Plan 9's rc and to ours: the same ones
// each time, more of them with NINE_LONG=1, others with -seed.
func TestRandom(t *testing.T) {
	theirs, ours := plan9(t), shell(t)
	n := uint64(15)
	if os.Getenv("NINE_LONG") != "" {
		n = 2000
	}
	if testing.Short() || race {
		n = 3
	}
	for i := *seed; i < *seed+n; i++ {
		t.Run(strconv.FormatUint(i, 10), func(t *testing.T) {
			t.Parallel()
			s := script{text: rcgen.Program(i)}
			got, want := s.run(t, ours), s.run(t, theirs)
			if got.stdout != want.stdout || got.status != want.status || got.files != want.files {
				t.Errorf("%s\ngot  %q, status %d, files\n%swant %q, status %d, files\n%sstderr %s\ntheirs %s",
					s.text, got.stdout, got.status, got.files, want.stdout, want.status, want.files, got.stderr, want.stderr)
			}
		})
	}
}
