package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/initramfs"
	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

// The guest's test program takes these.
var (
	v9fsRun  = flag.String("v9fs", "", "only what matches of the guest's own items")
	v9fsSeed = flag.Int64("v9fs.seed", time.Now().UnixNano()%1e6, "of the random operations")
	v9fsOps  = flag.Int("v9fs.ops", 200, "random operations a mount")
	v9fsLoad = flag.Duration("v9fs.load", 2*time.Second, "how long dbench works on a mount")
	v9fsTime = flag.Duration("v9fs.time", 10*time.Minute, "when to give the guest up")
)

// TestV9fs has a Linux kernel mount our servers, in a guest, and does there what
// test/guest/v9fs says. Each of the guest's items is a subtest.
func TestV9fs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can serve a directory to several users")
	}
	program(t, "qemu-system-x86_64", "qemu-system-x86")
	srvtest.CheckGoroutines(t)
	kernel := debianKernel(t)
	ctx, cancel := context.WithTimeout(context.Background(), *v9fsTime)
	defer cancel()
	dir := tempDir(t)
	initrd := filepath.Join(dir, "initrd")
	if err := v9fsImage(ctx, kernel, dir, initrd); err != nil {
		t.Fatal(err)
	}

	args := []string{fmt.Sprint("-seed=", *v9fsSeed), fmt.Sprint("-ops=", *v9fsOps), fmt.Sprint("-load=", *v9fsLoad),
		fmt.Sprint("-patience=", *v9fsTime-30*time.Second)}
	if *v9fsRun != "" {
		args = append(args, "-run="+*v9fsRun)
	}
	for name, root := range v9fsTrees(t) {
		args = append(args, fmt.Sprintf("%s=%d", name, serveTCP(t, root)))
	}
	m := guest.Machine{Kernel: kernel.Image, Initrd: initrd, Args: args, Memory: 512, Console: filepath.Join(dir, "console")}
	r := newResults(t)
	err := guest.Boot(ctx, m, r.line)
	console, _ := os.ReadFile(m.Console)
	if err == nil && !r.ended {
		err = errors.New("it stopped halfway")
	}
	if left := r.left(); err != nil || len(left) > 0 {
		t.Errorf("the guest: %v; not ended: %q\n%s", err, left, console)
	}
	if trouble := regexp.MustCompile(`(?m)^.*(BUG|WARNING|Oops|Call Trace|hung task|9pnet:|9p:).*$`).FindAllString(string(console), -1); trouble != nil {
		t.Errorf("the kernel complains:\n%s", strings.Join(trouble, "\n"))
	}
}

// debianKernel gives the kernel that guests run.
func debianKernel(t *testing.T) *guest.Kernel {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	k, err := guest.DebianKernel(ctx)
	if err != nil {
		t.Skip("no kernel: ", err)
	}
	return k
}

// v9fsImage makes the guest's initramfs.
func v9fsImage(ctx context.Context, k *guest.Kernel, dir, file string) error {
	programs := map[string]string{"init": "ninespace/test/guest/v9fs", "bin/nine": "ninespace"}
	for name, pkg := range programs {
		programs[name] = filepath.Join(dir, filepath.Base(name))
		if err := guest.Build(ctx, pkg, programs[name]); err != nil {
			return err
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	a := initramfs.NewArchive(f)
	for _, d := range []string{"bin", "dev", "etc", "lib", "lib64", "mnt", "proc", "sys", "tmp"} {
		a.Dir(d, 0o755)
	}
	a.File("etc/passwd", 0o644, "root:x:0:0:root:/:/bin/sh\n")
	a.File("etc/group", 0o644, "root:x:0:\n")
	for name, file := range programs {
		a.Copy(name, 0o755, file)
	}
	return errors.Join(k.AddModules(a, "virtio_pci", "virtio_net", "9pnet_fd", "9p"), a.Close())
}

// results turns what the guest says into subtests: each is run once its outcome
// is known.
type results struct {
	t     *testing.T
	logs  map[string][]string // of items that have begun
	ended bool
}

func newResults(t *testing.T) *results { return &results{t: t, logs: map[string][]string{}} }

// line takes one line of the guest's: see the type T in test/guest/v9fs.
func (r *results) line(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	name, text, _ := strings.Cut(rest, " ")
	switch verb {
	case "run":
		r.logs[name] = []string{}
	case "log":
		r.logs[name] = append(r.logs[name], text)
	case "pass", "fail", "skip":
		r.t.Run(name, func(t *testing.T) {
			why := strings.Join(r.logs[name], "\n")
			delete(r.logs, name)
			switch verb {
			case "pass":
				t.Log(why)
			case "fail":
				t.Error(why)
			case "skip":
				t.Skip(why)
			}
		})
	case "end":
		r.ended = true
	default:
		r.t.Errorf("the guest says %q", line)
	}
}

// left names the items that never ended.
func (r *results) left() []string {
	var left []string
	for name := range r.logs {
		left = append(left, name)
	}
	slices.Sort(left)
	return left
}
