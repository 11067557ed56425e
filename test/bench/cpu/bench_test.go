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

func TestMain(m *testing.M) {
	served()
	m.Run()
}

// TestRows does every row, whose figures are of no concern: each has one of ours, and the
// peer's, or says why not, and its object has as much.
func TestRows(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: whether a user may make name spaces is the machine's to say")
	}
	for _, name := range []string{"ssh-keygen", "git", "gcc"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	b := &bench{rounds: 1, files: 10, list: 10, sources: 2, bulk: 1 << 20, pipe: 1 << 20, limit: 2 * time.Minute, rtts: []time.Duration{time.Millisecond}}
	p, err := newPlace(t.Context(), b)
	if p != nil {
		defer p.close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var table, text bytes.Buffer
	asTable, asJSON := reporter(&table, false), reporter(&text, true)
	n := 0
	err = b.run(t.Context(), p, regexp.MustCompile(""), func(r *row, results [2]result) {
		n++
		// What cpu cannot do yet is no failure of the benchmark's.
		if res := results[0]; len(res.values) == 0 && res.err == nil || strings.HasPrefix(r.work, "true") && res.err != nil {
			t.Errorf("%s: %+v", r.name(), res)
		}
		if res := results[1]; r.peer != "" && len(res.values) == 0 && res.err == nil && results[0].err == nil {
			t.Errorf("%s: %s: %+v", r.name(), r.peer, res)
		}
		asTable(r, results)
		asJSON(r, results)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	if lines := strings.Count(table.String(), "\n"); lines != n+5 {
		t.Errorf("the table has %d lines for %d rows", lines, n)
	}
	objects := 0
	for dec := json.NewDecoder(&text); ; objects++ {
		var o object
		if err := dec.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if o.Work == "" || o.Config == "" || o.Value == nil && o.Note == "" || o.Peer == "" && o.Ratio != nil {
			t.Errorf("%+v", o)
		}
	}
	if objects != n {
		t.Errorf("%d objects for %d rows", objects, n)
	}
}
