package rc_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ninespace/rc"
	"ninespace/rc/syntax"
	"ninespace/srv/srvtest"
)

// run runs a script in an interpreter of its own and gives what it wrote and its status.
func run(t *testing.T, c rc.Config, script string) (string, string) {
	t.Helper()
	return runCtx(t, t.Context(), c, script)
}

func runCtx(t *testing.T, ctx context.Context, c rc.Config, script string) (string, string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c.Files = []int{int(null.Fd()), int(out.Fd()), int(out.Fd())}
	if c.Env == nil {
		c.Env = []string{"PATH=/usr/bin:/bin", "ifs= \t\n"}
	}
	c.Name = "rc"
	r := rc.New(c)
	status := r.Run(ctx, "t", syntax.Text(script))
	r.Close()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), status
}

// everything is a script that uses what interpreters are made of.
const everything = `
dir=$1
cd $dir
mkdir sub
@{ cd sub; umask 077; echo a >f; x=1; @{ cd ..; ls >/dev/null } }
x=` + "`{echo a; sh -c 'echo b'; @{ echo c } | cat }" + `
echo $x | { y=` + "`{cat}" + `; echo $y }
cat <{echo p} <{sh -c 'echo q'; echo r}
echo w | tee >{cat >sub/w} >/dev/null
for(i in 1 2 3) echo $i | cat | sort >/dev/null
fn f { echo $* >[1=2] }
f a b >[2]/dev/null
cat <<!
here $x
!
sh -c 'exit 3' &
wait $apid
echo status $status
{ sleep 0.01; echo bg >sub/bg } &
wait
cat sub/bg
if(>[2]/dev/null cat <nosuch) echo never
`

// TestNothingLeft: no goroutine, descriptor or process outlives a run, nor does anything
// of the process change.
func TestNothingLeft(t *testing.T) {
	srvtest.CheckGoroutines(t)
	srvtest.CheckFiles(t)
	before := state()
	for range 3 {
		out, status := run(t, rc.Config{Args: []string{t.TempDir()}}, everything)
		const want = "a b c\np\nq\nr\nhere a b c\nstatus 3\nbg\n"
		if out != want || status != "error" {
			t.Errorf("got %q, status %q, want %q", out, status, want)
		}
	}
	if after := state(); after != before {
		t.Errorf("the process is %s and was %s", after, before)
	}
	var ws syscall.WaitStatus
	if pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil); err == nil {
		t.Errorf("process %d is left", pid)
	}
}

func state() string {
	dir, _ := os.Getwd()
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return dir + " " + fs.FileMode(mask).String() + " " + strings.Join(os.Environ(), " ")
}

// TestTogether runs interpreters at once.
func TestTogether(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		dir := t.TempDir()
		wg.Go(func() {
			out, _ := run(t, rc.Config{Args: []string{dir}}, everything)
			if !strings.HasSuffix(out, "status 3\nbg\n") {
				t.Errorf("got %q", out)
			}
		})
	}
	wg.Wait()
}

// TestContext: its end ends what runs.
func TestContext(t *testing.T) {
	srvtest.CheckGoroutines(t)
	for _, script := range []string{"sleep 1000", "while() {}", "@{ while() sleep 0.01 }", "x=`{sleep 1000}", "sleep 1000 | cat", "cat <{sleep 1000}"} {
		ctx, cancel := context.WithCancel(t.Context())
		dir := t.TempDir()
		go func() {
			srvtest.Until(func() bool {
				_, err := os.Stat(dir + "/begun")
				return err == nil
			})
			cancel()
		}()
		out, _ := runCtx(t, ctx, rc.Config{Args: []string{dir}}, "touch $1/begun\n"+script+"\necho never\n")
		if strings.Contains(out, "never") {
			t.Errorf("%s: went on: %q", script, out)
		}
	}
}

// TestHooks runs a script in a directory that is its root.
func TestHooks(t *testing.T) {
	srvtest.CheckFiles(t)
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, filepath.Join("/", name)) }
	var started []string
	hooks := rc.Hooks{
		Open: func(name string, flag int, perm uint32) (int, error) {
			return syscall.Open(in(name), flag|syscall.O_CLOEXEC, perm)
		},
		Stat: func(name string) (fs.FileMode, error) {
			st, err := os.Stat(in(name))
			if err != nil {
				return 0, err
			}
			return st.Mode(), nil
		},
		ReadDir: func(name string) ([]string, error) {
			all, err := os.ReadDir(in(name))
			var names []string
			for _, e := range all {
				names = append(names, e.Name())
			}
			return names, err
		},
		OpenDir: func(name string) (string, func(), error) {
			st, err := os.Stat(in(name))
			if err == nil && !st.IsDir() {
				err = syscall.ENOTDIR
			}
			return name, nil, err
		},
		Start: func(c *rc.Command) (rc.Process, error) {
			started = append(started, c.Path)
			c.Path, c.Dir = "/bin/cat", root
			return rc.Start(c)
		},
		Builtin: func(name string) func(*rc.Call) error {
			if name != "where" {
				return nil
			}
			return func(c *rc.Call) error {
				_, err := c.Write([]byte(c.Dir + " " + strings.Join(c.Args[1:], ",") + "\n"))
				return err
			}
		},
	}
	if err := os.MkdirAll(root+"/bin", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/bin/show", nil, 0o700); err != nil {
		t.Fatal(err)
	}
	out, status := run(t, rc.Config{Hooks: hooks, Env: []string{"PATH=/bin"}}, `
echo a >/f; echo b >/g
echo /*
cd /bin; echo *; where x y
show </f
x=`+"`{where}"+`; echo $#x
cd /f
echo $status
nosuch
cat <nosuch
`)
	const want = "/bin /f /g\nshow\n/bin x,y\na\n1\nt:7: can't cd /f: not a directory\ncan't cd\n" +
		"t:9: nosuch: no such file or directory in /bin\nt:10: nosuch: can't open: no such file or directory\n"
	if out != want || status != "error" {
		t.Errorf("got  %q, status %q\nwant %q", out, status, want)
	}
	if got := strings.Join(started, " "); got != "/bin/show" {
		t.Errorf("started %s", got)
	}
}

// TestVariables: a program sets and reads them.
func TestVariables(t *testing.T) {
	r := rc.New(rc.Config{Name: "rc", Env: []string{"L=a\x01b", "fn#f={x=($L c)}"}})
	r.Set("y", "1", "2")
	status := r.Run(t.Context(), "t", syntax.Text("f; z=$y^$y; ~ a b"))
	if got := strings.Join(r.Get("x"), ",") + " " + strings.Join(r.Get("z"), ","); got != "a,b,c 11,22" || status != "no match" {
		t.Errorf("got %s, status %q", got, status)
	}
}

// TestNote: a function is run for one; without it, it ends the script.
func TestNote(t *testing.T) {
	var r *rc.Runner
	caught := map[string]bool{}
	r = rc.New(rc.Config{Name: "rc", Env: []string{"PATH=/bin:/usr/bin"}, Hooks: rc.Hooks{
		Catch: func(note string, wanted bool) { caught[note] = wanted },
		Builtin: func(name string) func(*rc.Call) error {
			if name != "note" {
				return nil
			}
			return func(c *rc.Call) error {
				r.Note(c.Args[1])
				return nil
			}
		},
	}})
	status := r.Run(t.Context(), "t", syntax.Text("fn sigusr1 { x=($x got) }\nnote sigusr1\nnote sigusr1; x=($x then)\nfn sigusr1\nnote sigterm\nx=($x never)"))
	if got := strings.Join(r.Get("x"), " "); got != "got got then" || status != "signal: term" {
		t.Errorf("got %q, status %q", got, status)
	}
	if wanted, ok := caught["sigusr1"]; !ok || wanted {
		t.Errorf("sigusr1 is still wanted")
	}
}

// TestNoteSettled: what a builtin sends by what it writes to a file comes before the next
// command, and before the end.
func TestNoteSettled(t *testing.T) {
	var r *rc.Runner
	file := filepath.Join(t.TempDir(), "note")
	r = rc.New(rc.Config{Name: "rc", Hooks: rc.Hooks{
		Settle: func() {
			if b, _ := os.ReadFile(file); len(b) > 0 {
				os.Remove(file)
				r.Note(string(b))
			}
		},
	}})
	r.Set("note", file)
	r.Run(t.Context(), "t", syntax.Text("fn sigusr1 { x=($x got) }\necho -n sigusr1 >$note; x=($x then)\n{echo -n sigusr1} >$note"))
	if got := strings.Join(r.Get("x"), " "); got != "got then got" {
		t.Errorf("got %q", got)
	}
}
