package newns_test

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/ramfs"
)

// A rule is one of ns/testdata/rules.txt, which says what there is in it.
type rule struct {
	name  string
	lines []string   // commands
	want  [][]string // what each prints
}

func readRules(t *testing.T) (rules []rule) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "\n# ")
	for r := range strings.SplitSeq(text, "\n# ") {
		var rule rule
		rule.name, r, _ = strings.Cut(r, "\n")
		for line := range strings.SplitSeq(strings.TrimRight(r, "\n"), "\n") {
			out, isOut := strings.CutPrefix(line, "\t")
			switch n := len(rule.want) - 1; {
			case isOut:
				rule.want[n] = append(rule.want[n], out)
			case line != "":
				rule.lines, rule.want = append(rule.lines, line), append(rule.want, nil)
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

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
func (s *session) script(r rule) string {
	var b strings.Builder
	depth := 0
	begin := "cd " + s.dir + "/w; . " + s.dir + "/functions\n"
	b.WriteString(begin)
	for i, line := range r.lines {
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
	err := os.RemoveAll(w)
	for _, f := range []string{"a/x", "a/ax", "a/sub/s", "b/x", "b/bx", "c/cx", "d/", "f"} {
		p := filepath.Join(w, f)
		dir := filepath.Dir(p)
		if strings.HasSuffix(f, "/") {
			dir = p
		}
		if err == nil {
			err = os.MkdirAll(dir, 0o755)
		}
		if err == nil && dir != p {
			err = os.WriteFile(p, []byte(f+"\n"), 0o644)
		}
	}
	if err == nil && s.user {
		err = filepath.WalkDir(w, func(p string, _ fs.DirEntry, _ error) error { return os.Chown(p, nobody, nobody) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// makeRam makes the tree of the server ram.
func makeRam(t *testing.T) srv.File {
	t.Helper()
	ctx := t.Context()
	root := ramfs.New()
	err := srv.Wstat(ctx, root, p9.Wstat{Valid: p9.WMode, Mode: fs.ModeDir | 0o777})
	var dir srv.File
	if err == nil {
		dir, _, err = srv.Create(ctx, root, "dir", fs.ModeDir|0o777, p9.OREAD)
	}
	for _, f := range []struct {
		in         srv.File
		name, text string
	}{{root, "r", "r\n"}, {dir, "in", "dir/in\n"}} {
		var h srv.Handle
		if err == nil {
			_, h, err = srv.Create(ctx, f.in, f.name, 0o666, p9.OWRITE)
		}
		if err == nil {
			_, err = h.(srv.Writer).Write(ctx, []byte(f.text), 0)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
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
	rules := readRules(t)
	each(t, func(t *testing.T, s *session) {
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
			t.Run(r.name, func(t *testing.T) {
				s.makeTree(t)
				ram = makeRam(t)
				got := make([]string, len(r.lines))
				for part := range strings.SplitSeq("\n"+d.run(t, s.script(r)), "\n@@") {
					n, out, _ := strings.Cut(part, "\n")
					i := 0
					if _, err := fmt.Sscan(n, &i); err == nil {
						got[i] = out
					}
				}
				for i, line := range r.lines {
					want := strings.Join(slices.Clone(r.want[i]), "\n")
					if !strings.EqualFold(strings.TrimSuffix(got[i], "\n"), want) {
						t.Errorf("%s\nprints\n%s\nnot\n%s", line, got[i], want)
					}
				}
			})
		}
	})
}
