package main

import (
	"errors"
	"strings"
	"testing"

	"ninespace/test/bench/rounds"
)

// TestTable: a row says what is reached, what is not and what is missing.
func TestTable(t *testing.T) {
	results := map[string]*result{
		"ours":  {values: rounds.Values{1, 2, 3}},
		"9base": {values: rounds.Values{2, 4, 6}},
		"byron": {err: errors.New("not here")},
		"dash":  {values: rounds.Values{1, 1, 1}},
	}
	r := row{work: "w", goals: []goal{{"9base", .6, .5}, {"dash", 1, 0}, {"byron", 1, 0}}}
	var b strings.Builder
	line(&b, &r, results)
	for _, want := range []string{"0.50", "9base 0.6 ok (0.5*)", "dash 1 BELOW", "byron 1 n/a", "(byron: not here)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %q", want, b.String())
		}
	}
}

// TestRows: every row has a text for ours and for the peers of its goals.
func TestRows(t *testing.T) {
	for _, r := range rows() {
		for _, peer := range []string{"ours", r.goals[0].peer} {
			if r.text[peer] == "" {
				t.Errorf("%s: no text for %s", r.work, peer)
			}
		}
		if strings.Contains(r.text["ours"], "@file@") != (r.file != nil) {
			t.Errorf("%s: its file", r.work)
		}
	}
}
