package rc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ninespace/srv/srvtest"
)

// A window is tmux's, with an rc in it.
type window struct {
	t    *testing.T
	tmux []string
	dir  string // the home and working directory
}

// newWindow starts a command, rc unless it is another, in a tmux of its own. $status is
// shown when it ends.
func newWindow(t *testing.T, command ...string) *window {
	t.Helper()
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("Debian's tmux is not there: ", err)
	}
	dir, sockets := t.TempDir(), t.TempDir()
	w := &window{t: t, tmux: []string{tmux, "-S", filepath.Join(sockets, "s"), "-f", "/dev/null"}, dir: dir}
	if len(command) == 0 {
		command = []string{shell(t)}
	}
	script := `"$@"; echo "ended $?"; read x`
	args := append([]string{"new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", script, "sh"}, command...)
	cmd := exec.Command(tmux, append(w.tmux[1:], args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "LC_ALL=C.UTF-8", "SHELL=/bin/sh", "GOTRACEBACK=all"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pid := strings.TrimSpace(w.run("display-message", "-p", "#{pane_pid}"))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.shown())
		}
		var sid int
		if _, err := fmt.Sscan(pid, &sid); err == nil {
			killSession(sid)
		}
		exec.Command(tmux, append(w.tmux[1:], "kill-server")...).Run()
	})
	return w
}

func (w *window) run(args ...string) string {
	w.t.Helper()
	out, err := exec.Command(w.tmux[0], append(w.tmux[1:], args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// keys presses keys, which are text or have tmux's names.
func (w *window) keys(keys ...string) {
	w.t.Helper()
	w.run(append([]string{"send-keys"}, keys...)...)
}

// shown gives the screen, without empty lines at the end.
func (w *window) shown() string { return w.capture() }

// capture gives the screen as flags of tmux(1)'s capture-pane have it.
func (w *window) capture(flags ...string) string {
	args := slices.Concat(w.tmux[1:], []string{"capture-pane", "-p"}, flags)
	out, _ := exec.Command(w.tmux[0], args...).Output()
	return strings.TrimRight(string(out), "\n ")
}

// until waits for the screen to end in a text, of whole lines but for the first.
func (w *window) until(text string) {
	w.t.Helper()
	if !srvtest.Until(func() bool { return strings.HasSuffix(w.shown(), text) }) {
		w.t.Fatalf("%q never came", text)
	}
}

// line types a line when the last one is done, and waits for what it writes and the next
// prompt.
func (w *window) line(line, out string) {
	w.t.Helper()
	w.until("%")
	w.keys("C-l")
	w.keys("-l", line)
	w.until(line)
	w.keys("Enter")
	if out != "" {
		out += "\n"
	}
	w.until(line + "\n" + out + "%")
}

// paste pastes a text as terminals do.
func (w *window) paste(text string) {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "paste")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.run("load-buffer", name)
	w.run("paste-buffer", "-p")
}

func (w *window) file(name, text string) {
	w.t.Helper()
	name = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
		w.t.Fatal(err)
	}
}

// TestEdit: a line is edited, one of wide characters and one of several lines too.
func TestEdit(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.until("%")
	w.keys("echo xello", "C-a", "M-f", "DC", "h", "C-e", " there", "Enter")
	w.until("% echo hello there\nhello there\n%")
	w.keys("echo 日本語", "Left", "Left", "é", "Enter")
	w.until("% echo 日é本語\n日é本語\n%")
	w.keys("C-l", "for(i in a b) {", "Enter", "echo $i", "Enter", "}")
	w.until("% for(i in a b) {\necho $i\n}")
	w.keys("Up", "C-e", "$i", "Down", "BSpace", "Enter")
	w.until("% for(i in a b) {\necho $i$i")
	w.keys("}", "Enter")
	w.until("% for(i in a b) {\necho $i$i\n\n}\naa\nbb\n%")
	w.keys("C-l", "echo never", "C-c", "echo", " once", "C-u", "echo twice", "Enter")
	w.until("% echo never^C\n% echo twice\ntwice\n%")
	long := strings.Repeat("0123456789", 12)
	w.keys("C-l", "echo "+long, "C-a", "C-e", "BSpace", "Enter")
	text := "% echo " + long[:119]
	w.until(text[:80] + "\n" + text[80:] + "\n" + long[:80] + "\n" + long[80:119] + "\n%")
	w.keys("C-l", "echo -n half", "Enter")
	w.until("% echo -n half\nhalf\\\n%")
	w.keys("C-d")
	w.until("ended 0")
}

// TestPrompt: fn prompt runs before each prompt, and the second one is shown while there is no
// room for the whole command.
func TestPrompt(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.until("%")
	w.keys("fn prompt { n=($n x); prompt=($#n^'; ' 'more ') }; cd /", "Enter")
	w.until("\n1;")
	w.keys("false", "Enter")
	w.until("\n2;")
	w.keys("echo $status", "Enter")
	w.until("echo $status\n1\n3;")
	w.keys("C-l", "{", "Enter")
	for range 30 {
		w.keys("Enter")
	}
	w.keys("}", "Enter")
	w.until("}\n4;")
	if !strings.Contains(w.shown(), "\nmore") {
		t.Errorf("no second prompt:\n%s", w.shown())
	}
	if got := strings.TrimSpace(w.run("display-message", "-p", "#{pane_title}")); got != "/" {
		t.Errorf("title %q", got)
	}
	w.keys("sleep 1000", "Enter")
	if !srvtest.Until(func() bool {
		return strings.TrimSpace(w.run("display-message", "-p", "#{pane_title}")) == "sleep 1000"
	}) {
		t.Error("the command is no title")
	}
	// The title comes a moment before the program.
	tries := 0
	if !srvtest.Until(func() bool {
		if tries++; tries%50 == 1 {
			w.keys("C-c")
		}
		return strings.Contains(w.shown(), "\n5;")
	}) {
		t.Error("no prompt")
	}
}

// TestHistory: shells share one, which is searched, has each command once, and whole.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.line("echo first", "first")
	w.line("x=(a b)", "")
	w.line(" echo secret", "secret")
	w.keys("fn f {", "Enter", "echo in f", "Enter", "}", "Enter")
	w.line("echo first", "first")
	w.keys("C-l", "C-r", "in f")
	w.until("% fn f {⏎echo in f⏎}\nbck-i-search: in f")
	w.keys("C-e")
	w.until("% fn f {\necho in f\n}")
	w.keys("C-c")
	w.until("^C\n%")
	w.keys("C-l", "Up")
	w.until("% echo first")
	w.keys("Up")
	w.until("% fn f {\necho in f\n}")
	w.keys("Up", "Up", "Up")
	w.until("% x=(a b)")
	w.keys("Up", "C-c")
	w.until("% x=(a b)^C\n%")
	// Another shell's comes at the next prompt.
	w.file("lib/other", "")
	b, err := os.ReadFile(filepath.Join(w.dir, "lib/rchistory"))
	if err != nil || string(b) != "echo first\nx=(a b)\nfn f {\\necho in f\\n}\necho first\n" {
		t.Errorf("got %q, %v", b, err)
	}
	w.file("lib/rchistory", string(b)+"echo other\n")
	w.keys("Enter")
	w.until("\n%\n%")
	w.keys("C-l", "Up")
	w.until("% echo other")
	w.keys("C-c")
	// A bad file, then none.
	w.line("history=/dev/null", "")
	w.line("echo kept", "kept")
	w.keys("C-l", "Up")
	w.until("% echo kept")
	w.keys("C-c")
	w.line("history=/nowhere/there/it", "")
	w.line("echo kept", "kept")
}

// TestComplete: words are completed by what they are.
func TestComplete(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	for _, name := range []string{"one file", "o'clock", "plain", "sub/deep/x", "bin/doit"} {
		w.file(name, "#!/bin/sh\necho done\n")
	}
	w.until("%")
	w.line("fn myfunction { echo in it }; myvariable=v; path=($path ./bin)", "")
	w.line("fn complete.doit { echo alpha; echo beta-$1 }", "")
	for typed, want := range map[string]string{
		"echo on":         "echo on'e file'",
		"echo o''":        "echo o'''clock'",
		"echo 'one":       "echo 'one file'",
		"echo pl":         "echo plain",
		"cat <pl":         "cat <plain",
		"y=pl":            "y=plain",
		"cd su":           "cd sub/",
		"echo $myv":       "echo $myvariable",
		"myf":             "myfunction",
		"echo a | myf":    "echo a | myfunction",
		"if(! myf":        "if(! myfunction",
		"whatis $home/pl": "whatis $home/plain",
		"ech":             "echo",
		"doi":             "doit",
		"doit a":          "doit alpha",
		"doit b":          "doit beta-b",
		"@{whil":          "@{while",
	} {
		w.keys("C-l", "C-u")
		w.keys("-l", typed)
		w.until("% " + typed)
		w.keys("Tab")
		if typed == "echo o''" {
			continue // nothing to see: the word ends in quotes
		}
		w.until("% " + want)
	}
	w.keys("C-u", "C-l", "echo sub/", "Tab", "Tab")
	w.until("% echo sub/deep/x")
	w.keys("C-u", "C-l", "echo ./", "Tab")
	want := "bin/ lib/ 'o''clock' 'one file' plain sub/"
	if !srvtest.Until(func() bool { return strings.HasSuffix(strings.Join(strings.Fields(w.shown()), " "), want) }) {
		t.Errorf("no %s", want)
	}
}

// TestPaste: what is pasted is one text, to be run by return.
func TestPaste(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.until("%")
	w.paste("echo one\nfor(i in a b) {\n\techo $i\n}\n")
	w.until("% echo one\nfor(i in a b) {\n    echo $i\n}")
	w.keys("Enter")
	w.until("}\none\na\nb\n%")
	w.keys("C-l", "echo '' x", "Left", "Left", "Left")
	w.paste("a\x1b[31m\x03b\tc")
	w.keys("Enter")
	w.until("\na[31mb  c x\n%")
}

// TestPasteLong: a paste of a megabyte.
func TestPasteLong(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.until("%")
	var b strings.Builder
	n := 0
	size := 1 << 20
	if race {
		size = 64 << 10
	}
	for ; b.Len() < size; n++ {
		fmt.Fprintf(&b, "x='line %d of many'\n", n)
	}
	w.paste(b.String())
	w.until("% ▤")
	w.keys("; echo $x", "Enter")
	w.until(fmt.Sprintf("; echo $x\nline %d of many\n%%", n-1))
}
