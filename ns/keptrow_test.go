package ns

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestRow goes through entries and says after each which come next.
func TestRow(t *testing.T) {
	for _, c := range []struct{ has, used, next string }{
		{"a b c d e f g h i j k l", "a b c d e", "| c d | e f g | h i j k l |"},
		{"a b c d e f g h", "a a b", "|  | c d"},                        // who looks twice
		{"a b c d e f g h", "a d f", "| e f | g h"},                     // who leaves some out
		{"a b c d e f g h i j k l m n o", "a k l", "|  | m n"},          // but not so many
		{"a b c d e f g h", "a x b c", "|  |  | d e"},                   // what is not known
		{"h g f e d c b a", "h g f", "| f e | d c b"},                   // as the directory has them
		{"b a d c f e h g", "b a c d e", "| d c | f e h g | e f | g h"}, // now so, now by name
		{"", "a b", "| "},
	} {
		r := newRow(strings.Fields(c.has))
		var got []string
		for _, name := range strings.Fields(c.used) {
			got = append(got, strings.Join(r.used(name), " "))
		}
		want := strings.Split(c.next, "|")
		for i := range want {
			want[i] = strings.TrimSpace(want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %s, used %s: %q, not %q", c.has, c.used, got, want)
		}
	}
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf("%03d", i))
	}
	r, given := newRow(many), 0
	for i, name := range many {
		next := r.used(name)
		if given += len(next); len(next) > 0 && next[0] <= name || len(next) > rowMost {
			t.Errorf("after %s: %v", name, next)
		}
		if i > 0 && given < min(i+1, len(many)-1)-1 {
			t.Errorf("after %s %d were given", name, given)
		}
	}
	if given != len(many)-2 {
		t.Errorf("%d were given in all", given)
	}
	if got := r.first(3); !slices.Equal(got, many[:3]) {
		t.Error(got)
	}
	if got := r.behind("198", 4); !slices.Equal(got, many[199:]) {
		t.Error(got)
	}
	if got := r.behind("x", 4); got != nil {
		t.Error(got)
	}
}
