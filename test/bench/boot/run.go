package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"ninespace/test/bench/rounds"
	"ninespace/test/guest"
)

// A bench is one run of the program.
type bench struct {
	rounds   int
	quick    bool
	turn     int    // rotates the order
	commands string // an archive of u-root's commands; "" makes one

	ctx    context.Context
	dir    string
	nine   string // statically linked
	kernel *guest.Kernel
	own    rounds.Values // what init itself took, in seconds, of each boot of ours
	used   rounds.Values // MiB of memory in use after it
	counts rounds.Values // own, in seconds of 250 million instructions
}

// modules are those of both images.
const modules = "virtio_pci,virtio_net,virtio_rng,9p,9pnet_fd,9pnet_virtio,fuse,overlay"

var errNone = errors.New("none")

func none() (float64, error) { return 0, errNone }

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(rounds.Row, [2]rounds.Result)) error {
	b.ctx = ctx
	if err := b.prepare(); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	row := func(r rounds.Row, times int, ours, peer func() (float64, error)) {
		if match.MatchString(r.Name()) && ctx.Err() == nil {
			report(r, rounds.Alternate(ctx, &b.turn, times, [2]func() (float64, error){ours, peer}))
		}
	}
	var boots rounds.Values
	ours := func() (float64, error) {
		v, err := b.perMinute(b.bootNine, 256)
		if err == nil {
			boots = append(boots, v)
		}
		return v, err
	}
	row(ratio("boot", "cpu has run a command; bare: answers", 1/1.2), b.rounds, ours, func() (float64, error) { return b.perMinute(b.bootBare, 256) })
	if len(b.own) == 0 { // that row was not asked for
		if _, err := ours(); err != nil {
			return err
		}
	}
	row(figure("boot", "the same, 8 s", 60./8), 1, func() (float64, error) { return boots.Median(), nil }, none)
	row(figure("init", "to cpud, but for modules, .7 s", 60/.7), 1, func() (float64, error) { return 60 / b.own.Median(), nil }, none)
	row(ratio("boot", "cpu, at 250 M instructions/s; bare", 1/1.2), 1, b.countNine, b.countBare)
	row(ratio("boot", "the same; u-root: netcat answers", 0), 1, b.countNine, b.countUroot)
	row(figure("init", "to cpud, at 250 M instructions/s, .7 s", 60/.7), 1, b.countOwn, none)
	row(figure("memory", "in use, 64 MiB", 1024./64), 1, func() (float64, error) { return 1024 / b.used.Median(), nil }, none)
	row(figure("boot", "in 128 MiB", 0), 1, func() (float64, error) { return b.perMinute(b.bootNine, 128) }, none)
	row(figure("size", "minimal image, zstd, 9 MB; bare", 100./9), 1, b.size("small.cpio.zst"), b.size("bare.cpio.zst"))
	row(figure("size", "full image, u-root's core too, 13 MB", 100./13), 1, b.fullSize, none)
	row(ratio("size", "minimal image; u-root's core, no cpud", 0), 1, b.size("small.cpio.zst"), b.urootSize)
	row(figure("make", "an image, zstd, 15 s", 60./15), b.rounds, func() (float64, error) { return b.perMinute(b.build, 0) }, none)
	return ctx.Err()
}

// prepare makes the programs, keys and images.
func (b *bench) prepare() (err error) {
	for _, name := range []string{"qemu-system-x86_64", "zstd", "ssh-keygen"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	if b.kernel, err = guest.DebianKernel(b.ctx); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "boot."); err != nil {
		return err
	}
	b.nine = filepath.Join(b.dir, "nine")
	bare := filepath.Join(b.dir, "bare")
	return errors.Join(os.MkdirAll(b.dir+"/home/.ssh", 0o700),
		guest.Build(b.ctx, "ninespace", b.nine), guest.Build(b.ctx, "ninespace/test/bench/boot", bare),
		b.do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", b.dir+"/home/.ssh/id_ed25519"),
		b.do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", b.dir+"/host"),
		b.image("node.cpio", b.nine, "-f", b.dir+"/host:/etc/ssh/ssh_host_ed25519_key", "-f", b.dir+"/host.pub:/etc/ssh/ssh_host_ed25519_key.pub"),
		b.image("bare.cpio", bare), b.image("small.cpio.zst", b.nine), b.image("bare.cpio.zst", bare))
}

// image makes one whose first process is a program.
func (b *bench) image(name, program string, more ...string) error {
	return b.do(b.nine, append([]string{"initramfs", "-o", filepath.Join(b.dir, name), "-e", program, "-m", b.kernel.Modules, "-M", modules, "-k", b.dir + "/home/.ssh/id_ed25519.pub"}, more...)...)
}

func (b *bench) do(name string, args ...string) error {
	out, err := exec.CommandContext(b.ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// perMinute has something done and gives how often that goes in a minute.
func (b *bench) perMinute(f func(memory int) (time.Duration, error), memory int) (float64, error) {
	took, err := f(memory)
	return 60 / took.Seconds(), err
}

func (b *bench) build(int) (time.Duration, error) {
	begun := time.Now()
	err := b.image("small.cpio.zst", b.nine)
	return time.Since(begun), err
}

func (b *bench) size(name string) func() (float64, error) {
	return func() (float64, error) {
		fi, err := os.Stat(filepath.Join(b.dir, name))
		if err != nil {
			return 0, err
		}
		return 100e6 / float64(fi.Size()), nil
	}
}
