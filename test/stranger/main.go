//go:build linux

// Stranger is somebody's first hour: a fresh Debian, made by debootstrap, in which what
// README.md says is typed and nothing else. It wants root, debootstrap(8), ten minutes and a
// gigabyte; CI does not run it.
//
//	go run ./test/stranger            # all of it
//	go run ./test/stranger -b dir     # with the Debian in dir, made there the first time
//	go run ./test/stranger -t         # and go run ./test, which takes longer than all else
//
// The Debian is of this machine's release and from where its apt has it. Go's own tree and
// the modules that go.mod names are this machine's, seen there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ninespace/test/typed"
)

func main() {
	base := flag.String("b", "", "keep the fresh Debian in `dir`")
	tests := flag.Bool("t", false, "run the tests too")
	enter := flag.String("enter", "", "become the shell in `root`; for stranger itself")
	flag.Parse()
	var err error
	if *enter != "" {
		err = become(*enter)
	} else {
		err = run(*base, *tests)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "stranger: %v\n", err)
		os.Exit(1)
	}
}

func run(base string, tests bool) error {
	work, err := os.MkdirTemp("", "stranger.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) // nothing is mounted there but in a namespace that has gone by then
	if base == "" {
		base = filepath.Join(work, "base")
	}
	if _, err := os.Stat(filepath.Join(base, "etc/debian_version")); err != nil {
		if err := debian(base); err != nil {
			return fmt.Errorf("debootstrap: %w", err)
		}
	}
	root := filepath.Join(work, "root")
	if err := command("cp", "-a", base, root).Run(); err != nil {
		return err
	}
	if err := project(filepath.Join(root, "root/ninespace")); err != nil {
		return err
	}
	sh, err := shell(root)
	if err != nil {
		return err
	}
	sh.Limit = 30 * time.Minute
	if tests {
		sh.Limit = 2 * time.Hour // beside others, that is
	}
	stumbles := 0
	ended := false
	typeIn := func(steps []typed.Step) {
		for _, s := range steps {
			if ended {
				return
			}
			begun := time.Now()
			printed, err := sh.Type(s)
			fmt.Printf("%8v $ %s%s", time.Since(begun).Round(10*time.Millisecond), s.Types, printed)
			if err != nil {
				stumbles++
				ended = errors.Is(err, typed.ErrEnded)
				fmt.Printf("STUMBLE: %v\n", err)
			}
		}
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	if tests {
		typeIn([]typed.Step{{Types: "go run ./test\n"}})
	}
	before := files(root)
	for _, heading := range []string{"Two commands", "A tour of five minutes", "Install"} {
		steps, err := typed.Steps(string(text), heading)
		if err != nil {
			return err
		}
		typeIn(steps)
	}
	if err := sh.Close(); err != nil {
		return err
	}
	var more []string
	for file := range files(root) {
		if !before[file] && !(filepath.Dir(file) == "/etc" && strings.HasSuffix(file, "-")) { // adduser's of before
			more = append(more, file)
		}
	}
	if slices.Sort(more); len(more) > 0 {
		stumbles++
		fmt.Printf("STUMBLE: %d files are left, such as %s\n", len(more), strings.Join(more[:min(5, len(more))], " "))
	}
	if stumbles > 0 {
		return fmt.Errorf("%d stumbles", stumbles)
	}
	return nil
}

// debian makes a fresh one, of this machine's release and from where its apt has that.
func debian(dir string) error {
	release, err := exec.Command("sh", "-c", `. /etc/os-release && echo $VERSION_CODENAME`).Output()
	if err != nil {
		return err
	}
	name := strings.TrimSpace(string(release))
	targets, err := exec.Command("apt-get", "indextargets", "--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)").Output()
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(targets)) {
		if f := strings.Fields(line); len(f) == 4 && f[0] == "Packages" && f[1] == name && f[2] == "main" {
			return command("debootstrap", "--variant=minbase", name, dir, f[3]).Run()
		}
	}
	return fmt.Errorf("apt has no source of %s", name)
}

// project puts the files of this one into a directory, as a clone would.
func project(dir string) error {
	return command("sh", "-c", `mkdir -p "$0" && git ls-files -z | tar --null -T - -c | tar -x -C "$0"`, dir).Run()
}

// left is where things may stay: logs, lists and caches of others.
var left = []string{"/var/log/", "/var/cache/", "/var/lib/apt/", "/var/lib/dpkg/", "/var/lib/systemd/", "/proc/", "/sys/", "/dev/", "/root/", "/run/", "/tmp/", "/usr/local/go/"}

// files are those outside of left.
func files(root string) map[string]bool {
	all := map[string]bool{}
	filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		name = strings.TrimPrefix(name, root)
		for _, l := range left {
			if strings.HasPrefix(name+"/", l) {
				return filepath.SkipDir
			}
		}
		all[name] = true
		return nil
	})
	return all
}

// shell starts one in the root, with its own mounts and processes.
func shell(root string) (*typed.Shell, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-enter", root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC}
	return typed.Start(cmd)
}

func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}
