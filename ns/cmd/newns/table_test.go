package newns_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/ns/nstest"
	"ninespace/srv"
	"ninespace/srv/p9"
)

// functions are the commands of the rules that are not ninespace's: an error is
// the last word of the system's own.
const functions = `
run() { o=$(command "$@" 2>&1) || echo "$1: ${o##*: }"; }
mkdir() { run mkdir "$@"; }
rm() { run rm "$@"; }
cat() { o=$(command cat "$1" 2>&1) && echo "$o" || echo "cat: ${o##*: }"; }
ls() { o=$(command ls -A "$1" 2>&1) && echo $o || echo "ls: ${o##*: }"; }
lsu() { o=$(command ls -AU "$1" 2>&1) && echo $o || echo "ls: ${o##*: }"; }
write() { o=$(echo "$2" | command tee "$1" 2>&1 >/dev/null) || echo "write: ${o##*: }"; }
ctl() { (exec 3<>/mnt/ns/ctl; echo "$*" >&3 || { printf 'ctl: '; command cat <&3; echo; }) 2>/dev/null; }
`

// script makes a rule a script for sh: "@@" and the command's number come before
// what it prints.
func (s *session) script(r nstest.Rule) string {
	var b strings.Builder
	depth := 0
	begin := "cd " + s.dir + "/w; . " + s.dir + "/functions\n"
	b.WriteString(begin)
	for i, line := range r.Lines {
		line = strings.NewReplacer(" /w", " "+s.dir+"/w", "#U/w", "#U"+s.dir+"/w").Replace(line)
		if flags, ok := strings.CutPrefix(line, "( "); ok {
			line = fmt.Sprintf("rfork %s sh <<'END%d'\n%s", flags, depth, begin)
			depth++
		} else if line == ")" {
			depth--
			line = fmt.Sprintf("END%d", depth)
			fmt.Fprintf(&b, "%s\necho @@%d\n", line, i)
			continue
		}
		fmt.Fprintf(&b, "echo @@%d\n%s\n", i, line)
	}
	return b.String()
}

// makeTree makes what each rule starts with, in w.
func (s *session) makeTree(t *testing.T) {
	t.Helper()
	w := s.dir + "/w"
	if err := os.RemoveAll(w); err != nil {
		t.Fatal(err)
	}
	nstest.MakeTree(t, w)
	if !s.user {
		return
	}
	err := filepath.WalkDir(w, func(p string, _ fs.DirEntry, _ error) error { return os.Chown(p, nobody, nobody) })
	if err != nil {
		t.Fatal(err)
	}
}

// A driver is a shell in a session that runs scripts when it is told to.
type driver struct {
	*session
	cmd *exec.Cmd
	say *os.File
	did *bufio.Scanner
	n   int
}

// drive starts a driver.
func (s *session) drive(t *testing.T) *driver {
	t.Helper()
	if err := os.WriteFile(s.dir+"/functions", []byte(functions), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := s.command(t, "", "while read n; do rfork n sh $D/script.$n >$D/out.$n 2>&1 </dev/null; echo $n; done")
	in, say, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, w, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	w.Close()
	t.Cleanup(func() {
		say.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		out.Close()
		clean(t)
	})
	return &driver{s, cmd, say, bufio.NewScanner(out), 0}
}

// run runs a script and gives what it prints.
func (d *driver) run(t *testing.T, script string) string {
	t.Helper()
	d.n++
	file, out := fmt.Sprintf("%s/script.%d", d.dir, d.n), fmt.Sprintf("%s/out.%d", d.dir, d.n)
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(out, 0o666)
	hung := time.AfterFunc(time.Minute, func() { syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL) })
	defer hung.Stop()
	fmt.Fprintln(d.say, d.n)
	if !d.did.Scan() {
		t.Fatal("the script did not end in time")
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(b), d.dir+"/w", "/w"), d.dir+"/srv", "/srv")
}

// TestTable has the rules in real name spaces.
func TestTable(t *testing.T) {
	rules := nstest.Rules()
	test := func(t *testing.T, s *session) {
		var ram srv.File
		serve := func(name string, tree func() (srv.File, error)) {
			s.serveServer(t, name, &srv.Server{Attach: func(_ context.Context, _, aname string) (srv.File, error) {
				if aname != "" {
					return nil, p9.ErrNotExist
				}
				return tree()
			}})
		}
		serve("ram", func() (srv.File, error) { return ram, nil })
		serve("proc", func() (srv.File, error) { return srv.Walk(t.Context(), ram, "dir") })
		d := s.drive(t)
		for _, r := range rules {
			t.Run(r.Name, func(t *testing.T) {
				s.makeTree(t)
				ram = nstest.MakeRam(t)
				got := make([]string, len(r.Lines))
				for part := range strings.SplitSeq("\n"+d.run(t, s.script(r)), "\n@@") {
					n, out, _ := strings.Cut(part, "\n")
					i := 0
					if _, err := fmt.Sscan(n, &i); err == nil {
						got[i] = out
					}
				}
				for i, line := range r.Lines {
					want := strings.Join(slices.Clone(r.Want[i]), "\n")
					if !strings.EqualFold(strings.TrimSuffix(got[i], "\n"), want) {
						t.Errorf("%s\nprints\n%s\nnot\n%s", line, got[i], want)
					}
				}
			})
		}
	}
	each(t, test)
	t.Run("root,v9fs", func(t *testing.T) { test(t, newV9fs(t)) })
}

// newV9fs makes a session in which the kernel mounts servers.
func newV9fs(t *testing.T) *session {
	t.Helper()
	b, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(b), "\t9p\n") {
		t.Skip("this kernel has no v9fs loaded; TestNsGuest in test has one that does")
	}
	s := newSession(t, false, false)
	s.v9fs = true
	return s
}

// TestV9fs has the kernel show a server's tree where that is all there is, and the
// engine where it is not.
func TestV9fs(t *testing.T) {
	s := newV9fs(t)
	s.ramfs(t)
	const kind = `kind() { while read a b c d at rest; do case $at in $1) echo "$1 ${rest#* - }"; esac; done </proc/self/mountinfo; }; `
	got, err := s.run(t, "mount #s/ram /n/ram", kind+`kind /n/ram; mkdir /n/ram/d; echo 1 >/n/ram/d/f; cat /n/ram/d/f
bind a /n/ram/d; kind /n/ram; ls /n/ram/d; unmount /n/ram/d; kind /n/ram; cat /n/ram/d/f
newns sh -c '`+kind+`kind /n/ram; cat /n/ram/d/f; bind -a b /n/ram; kind /n/ram; cat /n/ram/bx'
mount ram c; cat c/d/f; rm c/d/f; cat /n/ram/d/f || echo gone; unmount c; unmount /n/ram; kind '/n/*'; ls /n`)
	want := "/n/ram 9p nine V\n1\nax\nsub\nx\n/n/ram 9p nine V\n1\n/n/ram 9p nine V\n1\nb/bx\n1\ncat: /n/ram/d/f: No such file or directory\ngone\n"
	got = regexp.MustCompile(`rw,.*`).ReplaceAllString(got, "V")
	if err != nil || got != want {
		t.Errorf("%v\n%s\nnot\n%s", err, got, want)
	}
}
