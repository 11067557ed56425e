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
	var table, text bytes.Buffer
	asTable, asJSON := reporter(&table, false), reporter(&text, true)
	err = b.run(t.Context(), regexp.MustCompile(""), func(r *row, res result) {
		if res.err != nil || len(res.ours) != b.rounds || len(res.direct) != b.rounds {
			t.Errorf("%s: %+v", r.name(), res)
		}
		asTable(r, res)
		asJSON(r, res)
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
		if o.Work == "" || o.Rate == 0 || o.Ratio == nil {
			t.Errorf("%+v", o)
		}
	}
	if n != len(rows()) {
		t.Errorf("%d objects", n)
	}
}
