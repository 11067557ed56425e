package main

import (
	"os"
	"regexp"
	"testing"

	"ninespace/test/bench/rounds"
	"ninespace/test/bench/roundstest"
)

// Procfs, the engine and the workers are processes of this program, which in a test is the
// test.
func TestMain(m *testing.M) {
	if !served() {
		os.Exit(m.Run())
	}
}

// TestRows does every row, whose figures are of no concern: each has some, and its
// object says so.
func TestRows(t *testing.T) {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/fuse: ", err)
	}
	f.Close()
	t.Setenv("TMPDIR", "/tmp") // room for a socket's name
	b := &bench{rounds: 2, processes: 20}
	roundstest.Rows(t, table, len(rows()), func(report func(rounds.Row, [2]rounds.Result)) error {
		return b.run(t.Context(), regexp.MustCompile(""), report)
	}, func(r rounds.Row, results [2]rounds.Result) {
		for i, res := range results {
			if res.Err != nil || len(res.Values) != b.rounds {
				t.Errorf("%s, %s: %+v", r.Name(), table.Ways[i], res)
			}
		}
	})
}
