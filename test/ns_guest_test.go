package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ninespace/initramfs"
	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

var (
	nsGuestRun = flag.String("nsguest", strings.Join([]string{
		"ns:^Test(Mapped|Pages$|PagesGone|PagesSlow|PagesStay|PagesThreads|PagesTruncate)|^TestPages(Locked|Open)$/^leases$",
		"newns:^TestV9fs$",
		"newns:^TestTable$/^(root|user|root,v9fs)$",
		"execfs:^TestLimit$",
		"netfs:^TestVsock$",
		"devfs:^TestSCSI$",
	}, " "), "the tests that the guest runs, each a package's name and a pattern, blanks between; none: none")
	nsGuestBench = flag.Bool("nsguest.bench", false, "measure name spaces beside v9fs there")
	nsGuestTime  = flag.Duration("nsguest.time", 10*time.Minute, "when to give the guest up")
)

// TestNsGuest runs, in a guest with Debian's kernel, the rules of name spaces as root
// and as another user, through FUSE and, as root, with servers mounted by v9fs;
// what such a kernel has in memory of files; and what wants control groups of version 2,
// vsock within one machine, or a SCSI disk.
func TestNsGuest(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can put together what a guest runs") // ldd of root's own programs
	}
	program(t, "qemu-system-x86_64", "qemu-system-x86")
	srvtest.CheckGoroutines(t)
	kernel := debianKernel(t)
	ctx, cancel := context.WithTimeout(context.Background(), *nsGuestTime)
	defer cancel()
	dir := tempDir(t)
	disk := filepath.Join(dir, "disk")
	if err := os.WriteFile(disk, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	m := guest.Machine{Kernel: kernel.Image, Initrd: filepath.Join(dir, "initrd"), Args: []string{fmt.Sprint("-limit=", *nsGuestTime*4/5)},
		Memory: 768, Console: filepath.Join(dir, "console"),
		Qemu: []string{"-device", "virtio-scsi-pci", "-drive", "if=none,id=disk,format=raw,file=" + disk, "-device", "scsi-hd,drive=disk"}}
	if *nsGuestBench {
		m.Args = append(m.Args, "-bench")
	}
	if *nsGuestRun != "none" {
		m.Args = append(m.Args, strings.Fields(*nsGuestRun)...)
	}
	if err := nsImage(ctx, kernel, dir, m.Initrd); err != nil {
		t.Fatal(err)
	}
	r := newResults(t)
	err := guest.Boot(ctx, m, r.line)
	console, _ := os.ReadFile(m.Console)
	if err == nil && !r.ended {
		err = errors.New("it stopped halfway")
	}
	if left := r.left(); err != nil || len(left) > 0 {
		t.Errorf("the guest: %v; not ended: %q\n%s", err, left, console)
	}
	if trouble := regexp.MustCompile(`(?m)^.*(BUG|WARNING|Oops|Call Trace|hung task).*$`).FindAllString(string(console), -1); trouble != nil {
		t.Errorf("the kernel complains:\n%s", strings.Join(trouble, "\n"))
	}
}

// nsPrograms are the machine's own that the tests' scripts use.
var nsPrograms = []string{"sh", "ls", "cat", "mkdir", "rm", "rmdir", "tee", "head", "mount", "unshare", "setpriv",
	"mkfifo", "echo", "cut", "chmod", "grep", "sed", "tail", "sleep", "setsid", "cmp", "cp", "dd", "mv", "od", "seq", "stat", "tr",
	"truncate", "touch", "find", "uniq", "wc"}

// nsPackages have the tests, which are named by their last element.
var nsPackages = []string{"ns", "ns/cmd/newns", "srv/execfs", "srv/netfs", "srv/devfs"}

// nsImage makes the guest's initramfs.
func nsImage(ctx context.Context, k *guest.Kernel, dir, file string) error {
	programs := map[string]string{"init": filepath.Join(dir, "init"), "bin/nine": filepath.Join(dir, "nine")}
	err := errors.Join(guest.Build(ctx, "ninespace/test/guest/ns", programs["init"]), guest.Build(ctx, "ninespace", programs["bin/nine"]))
	if err != nil {
		return err
	}
	for _, pkg := range nsPackages {
		name := "tests/" + path.Base(pkg)
		programs[name] = filepath.Join(dir, path.Base(pkg)+".test")
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", programs[name], "ninespace/"+pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	a := initramfs.NewArchive(f)
	libs := map[string]bool{}
	for _, name := range nsPrograms {
		file, err := exec.LookPath(name)
		if err != nil {
			return err
		}
		programs["bin/"+name] = file
		out, err := exec.CommandContext(ctx, "ldd", file).Output()
		if err != nil {
			return fmt.Errorf("ldd %s: %w", file, err)
		}
		for _, lib := range regexp.MustCompile(`(/\S+) \(0x`).FindAllStringSubmatch(string(out), -1) {
			libs[lib[1]] = true
		}
	}
	for _, d := range []string{"bin", "dev", "etc", "mnt", "n", "proc", "srv", "sys", "tests", "tmp"} {
		a.Dir(d, 0o755)
	}
	a.File("etc/passwd", 0o644, "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
	a.File("etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n")
	for name, file := range programs {
		a.Copy(name, 0o755, file)
	}
	for lib := range libs {
		a.Copy(strings.TrimPrefix(lib, "/"), 0o755, lib)
	}
	return errors.Join(k.AddModules(a, "virtio_pci", "virtio_net", "9pnet_fd", "9p", "fuse", "vsock_loopback", "virtio_scsi", "sd_mod"), a.Close())
}
