package ipcfs

import (
	"slices"
	"strings"
	"testing"
)

func TestRegexp(t *testing.T) {
	for _, c := range []struct {
		re, text string
		sub      []string // nil: no match of the whole
	}{
		{"abc", "abc", []string{"abc"}},
		{"abc", "abcd", nil},
		{"a|ab|abc", "abc", []string{"abc"}},
		{"(a*)(b?)", "aab", []string{"aab", "aa", "b"}},
		{"a**", "aaa", []string{"aaa"}},
		{"a+?", "", []string{""}},
		{"a+?b", "aab", []string{"aab"}},
		{"a?", "a", []string{"a"}},
		{`a{2}`, "a{2}", []string{"a{2}"}},
		{`\d\.\*`, "d.*", []string{"d.*"}},
		{`[a\-z]+`, "a-z", []string{"a-z"}},
		{`[a\-z]+`, "b", nil},
		{`[a-c]+`, "abc", []string{"abc"}},
		{`[^a-c]+`, "xyz", []string{"xyz"}},
		{`[^a-c]+`, "x\nz", nil},
		{`[.a-zA-Z0-9_/\-]+`, "/etc/a-b.c", []string{"/etc/a-b.c"}},
		{`[[:]+`, "[:[", []string{"[:["}},
		{`[a^&&b]+`, "^&a", []string{"^&a"}},
		{".", "\n", nil},
		{"ü[öä]", "üä", []string{"üä"}},
	} {
		re, err := compile(c.re)
		if err != nil {
			t.Errorf("%s: %v", c.re, err)
			continue
		}
		var sub []string
		m := whole(re, c.text)
		for i := 0; i < len(m); i += 2 {
			s := ""
			if m[i] >= 0 {
				s = c.text[m[i]:m[i+1]]
			}
			sub = append(sub, s)
		}
		if !slices.Equal(sub, c.sub) {
			t.Errorf("%s on %q: %q, want %q", c.re, c.text, sub, c.sub)
		}
	}
	for _, bad := range []string{"(", ")", "[a", "(?:a)", `a\`, "*", "[z-a]", "a||(", "["} {
		if _, err := compile(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAround(t *testing.T) {
	for _, c := range []struct {
		re, text string
		click    int
		want     string
	}{
		{"[a-z]+", "one two three", 5, "two"},
		{"[a-z]+", "one two three", 3, "one"},
		{"[a-z]+", "one two three", 4, "two"},
		{"[a-z]+", "one  two", 4, ""},
		{"[a-z]+", "one", 0, "one"},
		{"[a-z]*", "12", 1, ""},
		{"two three", "one two three", 0, ""},
		{`[a-z]+:[0-9]+`, "a b:12 c", 6, "b:12"},
	} {
		re, err := compile(c.re)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if m := around(re, c.text, c.click); m != nil {
			got = c.text[m[0]:m[1]]
		}
		if got != c.want {
			t.Errorf("%s on %q at %d: %q, want %q", c.re, c.text, c.click, got, c.want)
		}
	}
}
