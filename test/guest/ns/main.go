/*
Ns is the init of a guest: it runs packages' tests, of name spaces, which its kernel sees
through FUSE and through v9fs, and others that want such a kernel, and tells the outcome
on the line to the host as the init of test/guest/v9fs does.

	/bin/nine	the program
	/tests	a program of tests for each package

Its arguments are a package's name, a colon and a pattern each; with -bench the engine is also measured beside
v9fs.
*/
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"ninespace/test/guest/inside"
)

func main() {
	if os.Getpid() != 1 {
		if err := worker(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	line, err := inside.Setup()
	if err == nil {
		err = guest(line)
	}
	if err != nil {
		fmt.Println("ns:", err) // on the console
		if line != nil {
			fmt.Fprintln(line, "fatal", err)
		}
		os.Exit(1) // init's end is a panic, which ends qemu
	}
	fmt.Fprintln(line, "end")
	inside.End(line)
}

func guest(line io.Writer) error {
	bench := flag.Bool("bench", false, "measure")
	limit := flag.Duration("limit", 0, "for the tests of a pattern")
	flag.Parse()
	// As some distributions have it: only descendants may be traced.
	os.WriteFile("/proc/sys/kernel/yama/ptrace_scope", []byte("1"), 0)
	os.Setenv("PATH", "/bin")
	os.Setenv("HOME", "/tmp")
	os.Setenv("NINE", "/bin/nine")
	for _, pattern := range flag.Args() {
		if err := tests(line, pattern, *limit); err != nil {
			return err
		}
	}
	if *bench {
		measure(line)
	}
	return nil
}

// result is how a test ended, in the output of go test -v.
var result = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+)(.*)`)

// tests runs the tests that match and passes on what they say.
func tests(line io.Writer, pattern string, limit time.Duration) error {
	begun := time.Now()
	pkg, run, _ := strings.Cut(pattern, ":")
	cmd := exec.Command("/tests/"+pkg, "-test.v", "-test.timeout", limit.String(), "-test.run", run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	name := "tests"
	fmt.Fprintln(line, "run", name)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text := lines.Text()
		if m := result.FindStringSubmatch(text); m != nil {
			fmt.Fprintln(line, "log", m[2], "took"+m[3])
			fmt.Fprintln(line, strings.ToLower(m[1]), m[2])
			name = "tests"
			continue
		}
		verb, test, _ := strings.Cut(strings.TrimPrefix(text, "=== "), " ")
		if is := strings.HasPrefix(text, "=== "); is && verb == "RUN" {
			name = strings.TrimSpace(test)
			fmt.Fprintln(line, "run", name)
		} else if is {
			name = strings.TrimSpace(test)
		} else {
			fmt.Fprintln(line, "log", name, text)
		}
	}
	err = cmd.Wait()
	fmt.Fprintf(line, "log tests %s took %.1f s\n", pattern, time.Since(begun).Seconds())
	if err != nil {
		fmt.Fprintln(line, "log tests", err)
		fmt.Fprintln(line, "fail tests")
		return nil
	}
	fmt.Fprintln(line, "pass tests")
	return nil
}
