package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"ninespace/test/bench/rounds"
	"ninespace/test/bench/roundstest"
)

// The server ipcfs is a process of this program, which in a test is the test.
func TestMain(m *testing.M) {
	if !served() {
		os.Exit(m.Run())
	}
}

// TestRows does every row, whose figures are of no concern: each has those of ours, and
// of redis where there is one, and its object says so.
func TestRows(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // room for a socket's name
	b := &bench{rounds: 2, messages: 500}
	roundstest.Rows(t, table, len(rows()), func(report func(rounds.Row, [2]rounds.Result)) error {
		return b.run(t.Context(), regexp.MustCompile(""), report)
	}, func(r rounds.Row, results [2]rounds.Result) {
		if res := results[0]; res.Err != nil || len(res.Values) != b.rounds {
			t.Errorf("%s: %+v", r.Name(), res)
		}
		if err := results[1].Err; err != nil && !strings.Contains(err.Error(), "redis-server of Debian") {
			t.Errorf("%s: redis: %v", r.Name(), err)
		}
	})
}
