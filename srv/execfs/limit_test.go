package execfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/srv/p9"
)

// TestLimit wants the root of a machine whose control groups are version 2, as the
// guest's of TestNsGuest is.
func TestLimit(t *testing.T) {
	mount, own, err := ownGroup()
	if err != nil {
		t.Skip(err)
	}
	parent := filepath.Join(mount, filepath.Dir(own))
	has, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
	if err != nil || os.Geteuid() != 0 || !strings.Contains(string(has), "memory") || !strings.Contains(string(has), "pids") {
		t.Skipf("%s has the controllers %q: not memory and pids, or not ours to use", parent, has)
	}
	groups := func() []string {
		dirs, _ := filepath.Glob(filepath.Join(parent, groupPrefix+"*"))
		return dirs
	}
	gone := func() (string, bool) {
		sweep(parent)
		g := groups()
		return strings.Join(g, " "), len(g) == 0
	}
	t.Run("memory", func(t *testing.T) {
		each(t, Config{}, func(x *tree) {
			v := x.clone()
			v.must("limit memory 8M", "exec sh -c 'head -c 64000000 /dev/zero | tail -n 1 | cat >/dev/null; sleep 0'")
			v.wait()
			b, err := os.ReadFile(groups()[0] + "/memory.events")
			if err != nil || !strings.Contains(string(b), "oom_kill 1") {
				x.Errorf("nothing was killed: %s, %v", b, err)
			}
			v.end()
		})
	})
	t.Run("pids", func(t *testing.T) {
		each(t, Config{}, func(x *tree) {
			v := x.clone()
			v.must("limit pids 2", "limit cpu 50%", "exec sh -c 'cat; cat | cat | cat'")
			in := v.file("0", p9.OWRITE)
			st := v.text("status")
			for _, line := range []string{"limit pids 2\n", "limit cpu 50%\n", "used pids "} {
				if !strings.Contains(st, line) {
					x.Errorf("status has no %q:\n%s", line, st)
				}
			}
			in.Clunk(x.ctx)
			if w, text := v.wait(), v.text("2"); w.Status == "" || !strings.Contains(strings.ToLower(text), "fork") {
				x.Errorf("%v, %q", w, text)
			}
			v.end()
			until(x.T, "the group is gone", gone)
		})
	})
	t.Run("kill", func(t *testing.T) {
		each(t, Config{KillOnClose: true}, func(x *tree) {
			v := x.clone()
			v.must("limit pids 50", "exec sh -c 'setsid sleep 1000 >/dev/null 2>&1 & echo; wait'")
			out := v.file("1", p9.OREAD)
			x.read(out)
			v.must("limit pids 40")
			out.Clunk(x.ctx)
			v.end()
			until(x.T, "what left its session is killed too, and the group is gone", gone)
		})
	})
}
