// Package roundstest holds a benchmark's output to what it is to be.
package roundstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"ninespace/test/bench/rounds"
)

// Rows has a benchmark do so many rows and shows them as a table and as objects, of
// which every one has figures of ours, and the peer's or a note. Of the figures
// nothing is asked; check is given each row, to say what may be missing.
func Rows(t *testing.T, table rounds.Table, rows int, run func(report func(rounds.Row, [2]rounds.Result)) error, check func(rounds.Row, [2]rounds.Result)) {
	t.Helper()
	var lines, text bytes.Buffer
	asTable, asJSON := table.Reporter(&lines, false), table.Reporter(&text, true)
	err := run(func(r rounds.Row, results [2]rounds.Result) {
		check(r, results)
		asTable(r, results)
		asJSON(r, results)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(lines.String(), "\n"); n != rows+strings.Count(table.Legend, "\n")+2 {
		t.Errorf("the table has %d lines:\n%s", n, lines.String())
	}
	n := 0
	for dec := json.NewDecoder(&text); ; n++ {
		var o rounds.Object
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Work == "" || o.Peer == "" || o.Rate == 0 || o.Ratio == nil && o.Note == "" {
			t.Errorf("%+v", o)
		}
	}
	if n < rows {
		t.Errorf("%d objects of %d rows", n, rows)
	}
}
