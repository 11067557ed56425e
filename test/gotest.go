package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// An event is one line of go test -json; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of a build's output
	Test        string // empty: the event is the package's
	Output      string
	FailedBuild string
}

// A name is that of a test, or of a package's own part if test is empty.
type name struct{ pkg, test string }

func (n name) String() string { return strings.TrimSpace(n.pkg + " " + n.test) }

// goTest runs go test -json, shows a line for each package and all output of
// what fails, and counts. Nothing vanishes: a package that doesn't build, that
// crashes, or that never ends is a failure, and so is a test that it was in.
func (t *tally) goTest(cmd *exec.Cmd) {
	failed := len(t.failed)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.fail(err.Error())
		return
	}

	running := map[name]bool{}
	output := map[name]string{}
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			os.Stdout.Write(line) // go's own words
			continue
		}
		n := name{e.Package, e.Test}
		switch e.Action {
		case "start", "run":
			running[n] = true
		case "output":
			output[n] += e.Output
		case "build-output":
			fmt.Print(e.Output)
		case "pass", "fail", "skip":
			delete(running, n)
			if e.Test != "" {
				t.test(n, e.Action, output[n])
			} else {
				t.unended(e.Package, running, output)
				t.pkg(n, e, output[n])
			}
			delete(output, n)
		}
	}

	t.unended("", running, output)
	if err := cmd.Wait(); err != nil && len(t.failed) == failed {
		t.fail(fmt.Sprintf("go test: %v", err))
	}
}

// test counts a test that ended.
func (t *tally) test(n name, action, output string) {
	switch action {
	case "pass":
		t.passed++
	case "fail":
		fmt.Print(output)
		t.fail(n.String())
	case "skip":
		why := reason(output)
		if why == "" {
			fmt.Print(output)
			t.fail(n.String() + ": skipped without a reason")
			return
		}
		t.skipped = append(t.skipped, n.String()+": "+why)
	}
}

// pkg shows how a package ended. Its failure counts if none of its tests'
// has: the package didn't build, or died outside of them.
func (t *tally) pkg(n name, e event, output string) {
	if e.Action != "fail" {
		lines := strings.Split(strings.TrimSpace(output), "\n")
		fmt.Println(lines[len(lines)-1])
		return
	}
	fmt.Print(output)
	counted := slices.ContainsFunc(t.failed, func(f string) bool { return strings.HasPrefix(f, n.pkg+" ") })
	if e.FailedBuild != "" {
		t.fail(n.pkg + ": does not build")
	} else if !counted {
		t.fail(n.pkg + ": failed outside of its tests")
	}
}

// unended counts as failures the tests of the package, or all that are left
// if pkg is empty, that began and never ended: a panic or a time limit ended
// the program under them.
func (t *tally) unended(pkg string, running map[name]bool, output map[name]string) {
	var left []name
	for n := range running {
		if pkg == "" || n.pkg == pkg {
			left = append(left, n)
		}
	}
	slices.SortFunc(left, func(a, b name) int { return cmp.Compare(a.String(), b.String()) })
	for _, n := range left {
		delete(running, n)
		fmt.Print(output[n])
		t.fail(n.String() + ": did not end")
	}
}

// logged matches the start of a message that a test logged.
var logged = regexp.MustCompile(`^ +([\w.-]+\.go):\d+: ?`)

// reason finds in a skipped test's output why it was: what it logged last.
// A script's trace, which testscript.go logs after that, is no reason.
func reason(output string) string {
	var why []string
	trace := false
	for line := range strings.Lines(output) {
		if m := logged.FindStringSubmatch(line); m != nil {
			if trace = m[1] == "testscript.go"; !trace {
				why, line = nil, line[len(m[0]):]
			}
		}
		line = strings.TrimSpace(line)
		if !trace && line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			why = append(why, line)
		}
	}
	return strings.Join(why, " ")
}
