package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// A target is a fuzz target: its package and its name.
type target struct{ pkg, name string }

// targets lists the fuzz targets of the module in dir whose names match run.
func targets(dir, run string) ([]target, error) {
	match, err := regexp.Compile(run)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "test", "-list", "^Fuzz", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	var all []target
	var names []string // of the package whose line comes next
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 1 && match.MatchString(f[0]):
			names = append(names, f[0])
		case len(f) > 1 && f[0] == "ok":
			for _, name := range names {
				all = append(all, target{f[1], name})
			}
			names = nil
		}
	}
	return all, nil
}

// fuzz runs each target of the module in dir that matches run for a time, one after
// the other. What go finds it leaves in the package's testdata/fuzz/NAME, where the
// target's plain test runs it ever after.
func (t *tally) fuzz(dir string, d time.Duration, run string) error {
	all, err := targets(dir, run)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no fuzz target matches %q", run)
	}
	if err != nil {
		return err
	}
	for _, g := range all {
		// An input is new by what it makes goroutines do, too, which is seldom the
		// same twice, so that to make it smaller takes all the time there is.
		cmd := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+g.name+"$", "-fuzztime", d.String(), "-fuzzminimizetime", "2s", g.pkg)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		how, found, err := watch(cmd)
		fmt.Printf("%s %s: %s\n", g.pkg, g.name, how)
		switch {
		case found != "":
			t.fail(fmt.Sprintf("%s %s: %s", g.pkg, g.name, found))
		case err != nil:
			t.fail(fmt.Sprintf("%s %s: %v", g.pkg, g.name, err))
		default:
			t.passed++
		}
	}
	return nil
}

// Go's words for how far it is, and for where it left what it found.
var (
	progress = regexp.MustCompile(`^fuzz: (elapsed: .*execs: .*)`)
	written  = regexp.MustCompile(`^ +Failing input written to (\S+)`)
)

// watch runs go's fuzzing. It gives the last word of how far that came, and the name
// of the input that fails if one was found, whose output it shows.
func watch(cmd *exec.Cmd) (how, found string, err error) {
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", "", err
	}
	how = "nothing run"
	var rest strings.Builder
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if m := progress.FindStringSubmatch(line); m != nil {
			how = m[1]
		} else if !strings.HasPrefix(line, "fuzz: ") {
			rest.WriteString(line)
		}
		if m := written.FindStringSubmatch(line); m != nil {
			found = m[1] // in the package's directory
		}
		if err != nil {
			break
		}
	}
	if err = cmd.Wait(); err != nil {
		fmt.Print(rest.String())
	}
	return how, found, err
}
