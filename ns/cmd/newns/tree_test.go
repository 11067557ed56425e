package newns_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A bigTree is a directory of many files, a hundred in each of its own, in which git finds
// nothing changed.
type bigTree struct {
	dir   string
	files []string // names and sizes as find gives them, in order
}

func newBigTree(t *testing.T, dir string, n int) *bigTree {
	t.Helper()
	b := &bigTree{dir: dir}
	old := time.Now().Add(-time.Hour) // git reads what is as new as its index
	for i := range n {
		name := fmt.Sprintf("d%03d/f%05d", i/100, i)
		path := filepath.Join(dir, name)
		var err error
		if i%100 == 0 {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err = errors.Join(err, os.WriteFile(path, []byte("text"), 0o644), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
		b.files = append(b.files, name+" 4")
	}
	b.native(t, "git init -q && git add . && git -c user.name=n -c user.email=n@n commit -qm files && echo /d*/w* >.git/info/exclude")
	return b
}

const (
	treeFind = `find . -path './d*' -type f -name 'f*' -printf '%P %s\n' 2>/dev/null` // what is gone when find looks closer it tells
	treeGit  = `git -c core.checkStat=minimal -c core.trustctime=false -c safe.directory=* status --porcelain`
)

// native gives what a script prints in the tree, sorted, outside of name spaces.
func (b *bigTree) native(t *testing.T, script string) []string {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env = b.dir, gitEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return sortedLines(string(out))
}

func gitEnv() []string {
	return append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "LC_ALL=C")
}

func sortedLines(s string) []string {
	lines := slices.Collect(strings.Lines(s))
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	slices.Sort(lines)
	return lines
}

// write changes files that git does not look at, as fast as it can, until ctx ends: one is
// written, replaced, renamed and removed.
func (b *bigTree) write(ctx context.Context) (err error) {
	for i := 0; ctx.Err() == nil && err == nil; i++ {
		w := fmt.Sprintf("%s/d%03d/w", b.dir, i%(len(b.files)/100))
		err = errors.Join(os.WriteFile(w, bytes.Repeat([]byte("x"), i%50), 0o644), os.WriteFile(w+"2", nil, 0o644),
			os.Rename(w+"2", w), os.Rename(w, w+"3"), os.Remove(w+"3"))
	}
	return err
}

// TestTree has find and git status look at many more files than the engine keeps open, twice, while
// others change some, from outside and from inside: nothing is missing and nothing is there twice.
// What is changed afterwards is seen as it is.
func TestTree(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	s := newSession(t, false, true)
	b := newBigTree(t, filepath.Join(s.dir, "tree"), 20000)
	cmd := s.command(t, "", `echo ready; cd tree; while read -r line; do eval "$line"; echo end; done`)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -n 2048; exec "$@"`, "sh"}, cmd.Args...)
	cmd.Env = append(cmd.Env, gitEnv()...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(start(t, cmd))
	ask := func(script string) []string {
		t.Helper()
		io.WriteString(in, script+"\n")
		var text strings.Builder
		for {
			line, err := out.ReadString('\n')
			if line == "end\n" {
				return sortedLines(text.String())
			}
			if text.WriteString(line); err != nil {
				t.Fatalf("%s: %v, %s", script, err, text.String())
			}
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	writers.Go(func() {
		if err := b.write(ctx); err != nil {
			t.Error(err)
		}
	})
	ask("while test ! -e stop; do : >d000/w4; mv d000/w4 d001/w5; rm d001/w5; done & w=$!")
	for range 2 {
		found := ask(treeFind)
		if !slices.Equal(found, b.files) {
			t.Errorf("find: %d files, not %d", len(found), len(b.files))
		}
		if changed := ask(treeGit); len(changed) > 0 {
			t.Errorf("git status: %q", changed)
		}
	}
	stop()
	writers.Wait()
	ask(": >stop; wait $w; rm stop")

	for i := 0; i < len(b.files); i += 777 {
		name, _, _ := strings.Cut(b.files[i], " ")
		path := filepath.Join(b.dir, name)
		var err error
		switch i % 4 {
		case 0:
			err = os.WriteFile(path, []byte("other text"), 0o644)
		case 1:
			err = os.Remove(path)
		case 2:
			err = os.Rename(path, path+"x")
		case 3:
			err = errors.Join(os.WriteFile(path+"x", []byte("other"), 0o644), os.Rename(path+"x", path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range []string{treeFind, treeGit} {
		outside := b.native(t, script)
		until(t, script, func() bool { return slices.Equal(ask(script), outside) }) // what the kernel was told it believes for a moment
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestTreeListed has files opened that were only listed before, while each is replaced time after
// time from outside: one or the other is there.
func TestTreeListed(t *testing.T) {
	s := newSession(t, false, true)
	cmd := s.command(t, "", `echo ready; while read -r go; do cd $D/a; ls -l >/dev/null 2>&1; cat f* >/dev/null || exit; done`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(i int) error {
		f := fmt.Sprintf("%s/a/f%d", s.dir, i%10)
		return errors.Join(os.WriteFile(s.dir+"/a/new", []byte("text"), 0o644), os.Rename(s.dir+"/a/new", f))
	}
	for i := range 10 {
		if err := replace(i); err != nil {
			t.Fatal(err)
		}
	}
	start(t, cmd)
	io.WriteString(in, strings.Repeat("\n", 50))
	in.Close()
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	for i := 0; ; i++ {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		if err := replace(i); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTreeKnown has directories listed whose files the kernel knows already, while what their names
// mean changes.
func TestTreeKnown(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		const script = `cd $D/a; l() { ls -l "$@" | awk '{printf "%s %s%s%s; ", $5, $9, $10, $11} END{print ""}'; ls -l "$@" >/dev/null; }
			rm -r sub; l; l
			bind $D/b/bx x; l; cat x; unmount x; l
			bind $D/b/bx ax; rfork n sh -c 'unmount ax; ls -l >/dev/null; cat ax'; l; unmount ax
			ln x y; l; mv x z; l; cat y z; rm z; l; cat y
			echo longer >y; l; echo other >new; mv new y; l; cat y
			ln -s y k; l; rm k; ln -s ax k; l; cat k; rm k; rm y; l
			cd $D; bind -a a b; l b; rm a/ax; l b; bind -b c b; l b; cat b/cx b/bx`
		const want = ` ; 5 ax; 4 x; 
 ; 5 ax; 4 x; 
 ; 5 ax; 5 x; 
b/bx
 ; 5 ax; 4 x; 
a/ax
 ; 5 ax; 4 x; 
 ; 5 ax; 4 x; 4 y; 
 ; 5 ax; 4 y; 4 z; 
a/x
a/x
 ; 5 ax; 4 y; 
a/x
 ; 5 ax; 7 y; 
 ; 5 ax; 6 y; 
other
 ; 5 ax; 1 k->y; 6 y; 
 ; 5 ax; 2 k->ax; 6 y; 
a/ax
 ; 5 ax; 
 ; 5 ax; 5 bx; 4 x; 
 ; 5 bx; 4 x; 
 ; 5 bx; 5 cx; 4 x; 
c/cx
b/bx
`
		if out, err := s.run(t, "", script); out != want || err != nil {
			t.Errorf("prints\n%s\nnot\n%s%v", out, want, err)
		}
	})
}
