package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The other processes are this program's, which in a test is the test.
func TestMain(m *testing.M) {
	if !served() {
		os.Exit(m.Run())
	}
}

// TestRows does every row, whose figures are of no concern: each has those of both ways,
// and its object says so.
func TestRows(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // room for a socket's name
	b := &bench{rounds: 2, part: 1 << 12, most: 20}
	var table, text bytes.Buffer
	asTable, asJSON := reporter(&table, false), reporter(&text, true)
	err := b.run(t.Context(), regexp.MustCompile(""), func(r *row, results []result) {
		for i, res := range results {
			if res.err != nil || len(res.values) != b.rounds {
				t.Errorf("%s, %s: %+v", r.name(), ways[i], res)
			}
		}
		asTable(r, results)
		asJSON(r, results)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(table.String(), "\n"); n != len(rows())+4 {
		t.Errorf("the table has %d lines:\n%s", n, table.String())
	}
	n := 0
	for dec := json.NewDecoder(&text); ; n++ {
		var o object
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Work == "" || o.Peer == "" || o.Rate == 0 || o.Ratio == nil {
			t.Errorf("%+v", o)
		}
	}
	if n != len(rows()) {
		t.Errorf("%d objects", n)
	}
}
