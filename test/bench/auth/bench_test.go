package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The factotum is a process of this program, which in a test is the test.
func TestMain(m *testing.M) {
	if !served() {
		os.Exit(m.Run())
	}
}

// TestRows does every row, whose figures are of no concern: each has some, and its
// objects say so.
func TestRows(t *testing.T) {
	if _, err := exec.LookPath("ssh-agent"); err != nil {
		t.Skip("ssh-agent is not here: Debian's package openssh-client")
	}
	b := &bench{rounds: 2, long: time.Millisecond}
	var table, text bytes.Buffer
	asTable, asJSON := reporter(&table, false), reporter(&text, true)
	n := 0
	err := b.run(t.Context(), regexp.MustCompile(""), func(r *row, results []result) {
		for i, res := range results {
			if res.err != nil || len(res.values) != b.rounds {
				t.Errorf("%s, %s: %+v", r.name(), r.ways[i].name, res)
			}
		}
		n += max(1, len(results)-1)
		asTable(r, results)
		asJSON(r, results)
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(table.String(), "\n"); n != 13 || lines != n+4 {
		t.Errorf("%d objects, and the table has %d lines:\n%s", n, lines, table.String())
	}
	for dec := json.NewDecoder(&text); ; n-- {
		var o object
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Work == "" || o.Time == 0 || (o.Goal == nil) != (o.Work == "in memory" || o.Peer == "least elsewhere" || o.Peer == "ssh, ssh-agent") || o.Ratio == nil && o.Peer != "" {
			t.Errorf("%+v", o)
		}
	}
	if n != 0 {
		t.Errorf("%d objects are missing", n)
	}
}
