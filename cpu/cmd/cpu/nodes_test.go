package cpu

import (
	"slices"
	"strings"
	"testing"
)

func TestNodes(t *testing.T) {
	for list, want := range map[string]string{
		"a":                    "a",
		"a,b":                  "a b",
		"n[1-3]":               "n1 n2 n3",
		"n[08-10]x":            "n08x n09x n10x",
		"n[1,3-4],local":       "n1 n3 n4 local",
		"r[1-2]n[1-2]":         "r1n1 r1n2 r2n1 r2n2",
		"tcp!n[1-2]!17011":     "tcp!n1!17011 tcp!n2!17011",
		"[::1]:17011":          "[::1]:17011",
		"tcp![::1]!1,x[7]":     "tcp![::1]!1 x7",
		"unix!/a,b[1-2]":       "unix!/a,b[1-2]",
		"n[":                   "n[",
		"n[3-1]":               "",
		"n[-]":                 "",
		"n[]":                  "",
		"n[1-99999]":           "",
		"n[1-4000],m[1-4000]":  "",
		"a[1-99][1-99]b[1-99]": "",
	} {
		got, err := nodes(list)
		if (err != nil) != (want == "") || strings.Join(got, " ") != want && want != "" {
			t.Errorf("%s: %q, %v", list, got, err)
		}
	}
	t.Setenv("NAMESPACE", t.TempDir())
	for s, want := range map[string][2]string{
		"local":            {"local", ""},
		"n1":               {"tcp!n1!17011", ""},
		"glenda@n1":        {"tcp!n1!17011", "glenda"},
		"tcp!glenda@n1!17": {"tcp!n1!17", "glenda"},
		"glenda@n1:17":     {"n1:17", "glenda"},
		"ssh!glenda@n1":    {"ssh!glenda@n1", ""},
		"unix!/tmp/a@b":    {"unix!/tmp/a@b", ""},
		"/tmp/sock":        {"/tmp/sock", ""},
		"fd77::2":          {"tcp!fd77::2!17011", ""},
		"me@fe80::1%eth0":  {"tcp!fe80::1%eth0!17011", "me"},
		"[fd77::2]:17":     {"[fd77::2]:17", ""},
		"10.0.0.1":         {"tcp!10.0.0.1!17011", ""},
	} {
		if addr, user := address(s, "17011"); addr != want[0] || user != want[1] {
			t.Errorf("%s: %s, %s", s, addr, user)
		}
	}
	if got := labels([]string{"tcp!a!1", "ssh!b", "c"}); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Error(got)
	}
	if got := labels([]string{"tcp!a!1", "tcp!a!2"}); !slices.Equal(got, []string{"tcp!a!1", "tcp!a!2"}) {
		t.Error(got)
	}
}

func TestCommandFlag(t *testing.T) {
	for args, want := range map[string]string{
		"-h x -c ls -l -h y":  "x|ls -l -h y",
		"-hx ls -c":           "x|ls -c",
		"-lc ls -l":           "local|ls -l",
		"-h x -- -c y":        "x|-c y",
		"-d dir -c a":         "local|a",
		"-h x -e a=b -Rc a b": "x|a b",
	} {
		t.Setenv("cpu", "")
		var o options
		if _, err := o.parse(strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", args, err)
		} else if got := o.list + "|" + strings.Join(o.Args, " "); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}

// TestEnv: a variable goes by its name alone, so that its value is in no command line.
func TestEnv(t *testing.T) {
	t.Setenv("TOKEN", "a secret")
	o := new(options)
	if _, err := o.parse([]string{"-e", "TOKEN", "-e", "NOSUCHVARIABLE", "-e", "A=b=c", "-e", "EMPTY=", "true"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"TOKEN=a secret", "A=b=c", "EMPTY="}; !slices.Equal(o.Env, want) {
		t.Errorf("%q", o.Env)
	}
	if _, err := new(options).parse([]string{"-e", "=x", "true"}); err == nil {
		t.Error("a variable without a name")
	}
}
