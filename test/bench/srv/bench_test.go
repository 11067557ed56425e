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
	var table, text bytes.Buffer
	asTable, asJSON := reporter(&table, false), reporter(&text, true)
	err := b.run(t.Context(), regexp.MustCompile(""), func(r *row, results []result) {
		if res := results[0]; res.err != nil || len(res.values) != b.rounds {
			t.Errorf("%s: %+v", r.name(), res)
		}
		if err := results[1].err; err != nil && !strings.Contains(err.Error(), "redis-server of Debian") {
			t.Errorf("%s: redis: %v", r.name(), err)
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
		if o.Work == "" || o.Peer == "" || o.Rate == 0 || o.Ratio == nil && o.Note == "" {
			t.Errorf("%+v", o)
		}
	}
	if n < len(rows()) {
		t.Errorf("%d objects", n)
	}
}
