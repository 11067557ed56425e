/*
Test builds ninespace and tests all of it, as the continuous integration does:

	go run ./test [-n] [-run regexp]
	go run ./test -fuzz time [-run regexp]

It installs the Debian packages that tests need (as root; else the tests that
need a missing one are skipped), builds, runs gofmt, go vet, staticcheck and
every test under the race detector, and looks for what the tests left behind.
At the end it lists each skipped test with its reason, each failure, and
counts: "N passed, N failed, N skipped", where a step counts as a test and a
test with subtests as one more.

With -n it runs no test but that of the API: format, vet and lint only. -run is go test's.

With -fuzz it runs each fuzz target, or those that match -run, for that time
(30m, say), one after the other, and tells of each how far it came and what it
found: an input that fails is left in the package's testdata/fuzz/NAME.

The tests of this directory are the black box's: testdata holds scripts over
the built binary; layers_test.go and doc_test.go hold the rules of the tree.
*/
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// A tally is what the steps and tests came to.
type tally struct {
	passed  int
	failed  []string
	skipped []string // each with its reason
}

func main() {
	noTests := flag.Bool("n", false, "run no test: format, vet and lint only")
	run := flag.String("run", "", "run only the tests that match `regexp`")
	fuzz := flag.Duration("fuzz", 0, "run each fuzz target for `time` instead")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}

	var t tally
	var err error
	if *fuzz > 0 {
		err = t.fuzz(".", *fuzz, *run)
	} else {
		err = t.all(*noTests, *run)
	}
	if err != nil {
		t.fail(err.Error())
	}
	for _, s := range t.skipped {
		fmt.Println("skipped:", s)
	}
	for _, s := range t.failed {
		fmt.Println("failed:", s)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", t.passed, len(t.failed), len(t.skipped))
	if len(t.failed) > 0 {
		os.Exit(1)
	}
}

func (t *tally) fail(what string) { t.failed = append(t.failed, what) }

func (t *tally) all(noTests bool, run string) error {
	// Unix sockets' paths end at 108 bytes, so the tests' place is short.
	place, err := os.MkdirTemp("/tmp", "9t.")
	if err != nil {
		return err
	}
	defer func() {
		if err := removeTree(place); err != nil {
			fmt.Println(err)
		}
	}()
	nine, tmp := filepath.Join(place, "nine"), filepath.Join(place, "t")
	if err := os.Mkdir(tmp, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(place, 0o711); err != nil { // tests work as other users there too
		return err
	}

	t.step("go", "build", "./...")
	// As the README builds it: static, so that it runs in any root and starts soon.
	built := t.step("env", "CGO_ENABLED=0", "go", "build", "-o", nine, ".")
	t.step("gofmt", "-l", ".")
	t.step("go", "vet", "./...")
	t.step("go", "tool", "staticcheck", "./...")
	for _, system := range []string{"darwin", "freebsd"} { // what a client needs is to be had there
		t.step("env", "CGO_ENABLED=0", "GOOS="+system, "go", "vet", ".")
	}
	if noTests {
		t.goTest(exec.Command("go", "test", "-count=1", "-json", "-run", "^TestAPI$", "./test"))
		return nil
	}

	install(packages)
	before := mounts()
	cmd := exec.Command("go", "test", "-race", "-count=1", "-timeout=30m", "-json", "-run", run, "./...")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "GOTMPDIR=")
	if built {
		cmd.Env = append(cmd.Env, "NINE="+nine)
	}
	t.goTest(cmd)

	left := leftovers(nine, tmp, before)
	for _, l := range left {
		fmt.Println("left behind:", l)
		t.fail("left behind: " + l)
	}
	if len(left) == 0 {
		t.passed++
	}
	return nil
}

// step runs a command and counts it. One that prints anything on its standard
// output, as gofmt -l does for a file to format, has failed as well.
func (t *tally) step(name string, args ...string) bool {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	os.Stdout.Write(out)
	if err != nil || len(out) > 0 {
		t.fail(cmd.String())
		return false
	}
	t.passed++
	return true
}
