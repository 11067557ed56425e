package srvtest

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"Rclunk tag 1", "Rclunk tag 1", true},
		{"Rclunk  tag 1 ", "Rclunk tag 1", true},
		{"Rclunk tag 1", "Rclunk tag 2", false},
		{"Rclunk tag *", "Rclunk tag 2", true},
		{"Rclunk *", "Rclunk tag 2", false},
		{"Rclunk ...", "Rclunk tag 2", true},
		{"Rwalk tag 1 wqid [* *]", "Rwalk tag 1 wqid [(1 0 d) (2 0)]", true},
		{"Rwalk tag 1 wqid [*]", "Rwalk tag 1 wqid [(1 0 d) (2 0)]", false},
		{"Rwalk tag 1 wqid [* * *]", "Rwalk tag 1 wqid [(1 0 d) (2 0)]", false},
		{"Rwalk tag 1 wqid *", "Rwalk tag 1 wqid [(1 0 d) (2 0)]", true},
		{"Rwalk tag 1 wqid [... ]", "Rwalk tag 1 wqid [(1 0 d) (2 0)]", true},
		{"Rwalk tag 1 wqid [(* * d) ...]", "Rwalk tag 1 wqid [(1 0 d) (2 0)]", true},
		{`Rread tag 1 data *`, `Rread tag 1 data "a \" b [ "`, true},
		{`Rread tag 1 data "a b"`, `Rread tag 1 data "a  b"`, false},
		{"Rstat tag 1 stat {... name a ...}", "Rstat tag 1 stat {name a}", true},
		{"Rstat tag 1 stat {... name a ...}", "Rstat tag 1 stat {qid (1 0) name a uid b}", true},
		{"Rstat tag 1 stat {... name a}", "Rstat tag 1 stat {qid (1 0) name a uid b}", false},
		{"Rstat tag 1 stat {... name a ...} x", "Rstat tag 1 stat {qid (1 0)} name a", false},
	} {
		if Match(c.want, c.got) != c.ok {
			t.Errorf("%s\n%s: %v", c.want, c.got, !c.ok)
		}
	}
}

// FuzzMatch matches any texts: it ends, and a text that has no * or ... matches
// itself.
func FuzzMatch(f *testing.F) {
	f.Add("Rstat tag 1 stat {... name a ...}", "Rstat tag 1 stat {qid (1 0) name a uid b}")
	f.Add("Rwalk tag 1 wqid [* *]", "Rwalk tag 1 wqid [(1 0 d) (2 0)]")
	f.Fuzz(func(t *testing.T, want, got string) {
		if len(want) > 200 || len(got) > 1000 || strings.Count(want, "...") > 3 {
			return // each ... tries all that is left
		}
		Match(want, got)
		if !strings.ContainsAny(got, "*.") && !Match(got, got) {
			t.Errorf("%q does not match itself", got)
		}
	})
}
