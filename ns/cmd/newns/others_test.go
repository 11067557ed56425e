package newns_test

import (
	"os"
	"strings"
	"testing"
)

// TestOthers has a name space changed by who is not its engine's user, in which no way succeeds: who a
// mount proves to be is that user, and what root's programs find would be another's choice.
func TestOthers(t *testing.T) {
	const text = "mount #s/ram /n/ram\nbind D/a D/c\ncd D\n"
	const refused = "only the user who began the name space may change it\n"
	for _, noGraft := range []bool{false, true} {
		s := newSession(t, false, noGraft)
		if err := os.Chmod(s.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		s.ramfs(t)
		try := func(what, script, want string) {
			t.Helper()
			out, err := s.run(t, "mount ram /n/ram\nbind "+s.dir+"/a "+s.dir+"/c\n",
				"other() { setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\" 2>&1; }\n"+script+"\ncat b/x; ns")
			if want += text; out != want || err != nil {
				t.Errorf("%s, nograft %v: %v, %q, not %q", what, noGraft, err, out, want)
			}
		}
		for what, command := range map[string]string{
			"bind":         "bind a b",
			"mount":        "mount '#s/ram' /n/other",
			"unmount":      "unmount c",
			"rfork":        "rfork m cat b/x",
			"rfork namely": "unshare -Urm rfork n cat b/x",
			"root of his":  "unshare -Ur bind a b",
		} {
			verb, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(command, "unshare -Urm "), "unshare -Ur "), " ")
			try(what, "other "+command, verb+": "+refused+"b/x\n")
		}
		for _, line := range []string{"clear", "rfork m", "rfork n", "rfork N", "bind " + s.dir + "/a " + s.dir + "/b"} {
			try("his ctl: "+line, "other sh -c 'echo "+line+" >/mnt/ns/ctl' | sed 's/.*: //'", "Permission denied\nb/x\n")
			try("ours: "+line, "other sh -c 'echo "+line+" >&3' 3>/mnt/ns/ctl | sed 's/.*: //'", "I/O error\nb/x\n")
		}
		try("a namesake", "unshare -U bind a b; cat b/x; unshare -Ur unmount b", "a/x\nb/x\n")
	}
	s := newSession(t, true, false)
	out, err := s.run(t, "", "unshare -Ur bind a b; cat b/x; newns unshare -Ur sh -c 'unmount b; cat b/x'; cat b/x")
	if want := "a/x\nb/x\na/x\n"; out != want || err != nil {
		t.Errorf("root of a user's own: %v, %q, not %q", err, out, want)
	}
}
