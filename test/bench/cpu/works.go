package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	viaSSH   = "ssh"
	viaSSHFS = "ssh+sshfs"
)

// brief is how long a connection is kept that the next command is not to find: cpu makes one
// that is kept, as it does by itself, and it is gone soon after.
const brief = "1ms"

// works are what is done, in order.
func (b *bench) works(p *place) []work {
	const milli = time.Millisecond
	idle := "5m"
	all := []work{
		{rows: []row{{"true", "cold, RTT 0", "ms", viaSSH, 1 / .15, 0}},
			ours: func(ctx context.Context, d time.Duration) ([]float64, error) {
				return p.took(ctx, d, brief, p.cpuArgs("/bin/true")...)
			},
			theirs: p.bySSH()},
		{rows: []row{{"true", "warm, RTT 0", "ms", viaSSH + " ControlMaster", 1 / .3, 0}},
			ours:   func(ctx context.Context, d time.Duration) ([]float64, error) { return p.warm(ctx, d, idle) },
			theirs: p.bySSHMaster()},
	}
	for _, rtt := range b.rtts {
		all = append(all, work{rows: []row{{"true", fmt.Sprintf("cold, RTT %d", rtt/milli), "ms", viaSSH, 0, 0}}, rtt: rtt,
			ours: func(ctx context.Context, d time.Duration) ([]float64, error) {
				return p.took(ctx, d, brief, p.cpuArgs("/bin/true")...)
			},
			theirs: p.bySSH()})
	}
	all = append(all,
		work{rows: []row{{"bulk read", fmt.Sprintf("%d MiB, FUSE", b.bulk>>20), "MB/s", "one TLS connection", .8, 0}}, ours: b.bulkCpu(p), theirs: b.bulkTLS(p)},
		work{rows: []row{{"bulk read", fmt.Sprintf("%d MiB, v9fs", b.bulk>>20), "MB/s", "one TLS connection", 0, 0}}, rounds: 1, ours: bulkV9fs},
		work{rows: []row{{"bulk read", fmt.Sprintf("%d MiB, TLS into bare FUSE", b.bulk>>20), "MB/s", "one TLS connection", 0, 0}}, ours: b.bulkFloor(p, true), theirs: b.bulkTLS(p)},
		work{rows: []row{{"bulk read", fmt.Sprintf("%d MiB, bare FUSE", b.bulk>>20), "MB/s", "one TLS connection", 0, 0}}, ours: b.bulkFloor(p, false), theirs: b.bulkTLS(p)},
		b.pair(p, "ls -lR", fmt.Sprintf("%d files", b.list), 0, "here, without a network", .25, p.byCpu(p.l, "ls -lR ."), p.local(p.l, "ls -lR .")),
	)
	for _, rtt := range b.rtts {
		for _, x := range []struct {
			name, config, dir, command string
			root                       bool
		}{
			{"git status", fmt.Sprintf("%d files", b.files), p.git, "git status", false},
			{"python3 imports", "json, ssl, -N", "/", "/usr/bin/python3 -c 'import json,ssl'", true},
			{"C compile", fmt.Sprintf("%d files", b.sources), p.c, "for f in *.c; do gcc -c $f -o /dev/null; done", false},
		} {
			var flags []string
			if x.root {
				flags = []string{"-N"}
			}
			ours, theirs := p.byCpu(x.dir, x.command, flags...), p.bySSHFS(x.dir, x.command, x.root)
			if !x.root {
				all = append(all, b.pair(p, x.name, x.config, rtt, viaSSHFS, 3, ours, theirs))
				continue
			}
			all = append(all, b.pair(p, x.name, x.config, rtt, viaSSHFS, 3, p.strange(ours), theirs),
				work{rows: []row{{x.name, fmt.Sprintf("%s, later, RTT %d", x.config, rtt/milli), "ms", viaSSHFS, 3, 0}},
					rtt: rtt, rounds: (b.rounds + 1) / 2, ours: later(ours), theirs: cold(theirs)})
		}
	}
	for _, rtt := range b.rtts {
		for _, x := range []struct {
			config, script string
			command        []string
		}{
			{"in", fmt.Sprintf(`head -c %d /dev/zero | "$@" >/dev/null`, b.pipe), []string{"wc", "-c"}},
			{"out", `"$@" >/dev/null`, []string{"head", "-c", strconv.FormatInt(b.pipe, 10), "/dev/zero"}},
		} {
			all = append(all, work{rows: []row{{"pipe", fmt.Sprintf("%d MiB %s, RTT %d", b.pipe>>20, x.config, rtt/milli), "ms", viaSSH, 0, 0}},
				rtt: rtt, rounds: (b.rounds + 1) / 2, ours: p.piped(x.script, p.cpuArgs, x.command), theirs: p.needSSH(p.piped(x.script, p.toSSH, x.command))})
		}
	}
	depth := strings.Count(p.path("a/b/c/d/file"), "/")
	return append(all,
		work{rows: []row{{"round trips", "true, cold", "", "", 0, -1}}, rtt: 100 * milli, ours: p.countCold, rounds: 1},
		work{rows: []row{{"round trips", fmt.Sprintf("small file, depth %d, cold", depth), "", "", 0, float64(depth)}, {"round trips", fmt.Sprintf("small file, depth %d, warm", depth), "", "", 0, 0}}, rtt: 100 * milli, ours: p.countTrips, rounds: 1},
		work{rows: []row{{"idle session", "memory, MiB", "", "", 0, 2}, {"idle session", "processes of cpud", "", "", 0, 1}, {"idle session", "with its share of text, MiB", "", "", 0, -1}, {"idle session", "a Go program that waits, MiB", "", "", 0, -1}}, ours: p.idleSessions, rounds: 1},
	)
}

// strange has the far side not know what it has kept of programs before.
func (p *place) strange(do side) side {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		home := p.path("home")
		if u, err := user.Current(); err == nil && os.Geteuid() == 0 { // cpud has a session be at home
			home = u.HomeDir
		}
		if err := os.RemoveAll(filepath.Join(home, ".cache/ninespace/constant")); err != nil {
			return nil, err
		}
		return do(ctx, limit)
	}
}

// later does what is cold once more, in a session that comes after one like it.
func later(do side) side {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		if _, err := do(ctx, limit); err != nil {
			return nil, err
		}
		return cold(do)(ctx, limit)
	}
}

// cold is the first of what is done twice.
func cold(do side) side {
	return func(ctx context.Context, limit time.Duration) ([]float64, error) {
		took, err := do(ctx, limit)
		return took[:min(1, len(took))], err
	}
}

// pair is a work that is done twice, cold and warm.
func (b *bench) pair(p *place, name, config string, rtt time.Duration, peer string, goal float64, ours, theirs side) work {
	w := work{rtt: rtt, ours: ours, theirs: theirs}
	if rtt > 0 {
		w.rounds = (b.rounds + 1) / 2 // they are long
	}
	for _, which := range []string{"cold", "warm"} {
		w.rows = append(w.rows, row{name, fmt.Sprintf("%s, %s, RTT %d", config, which, rtt/time.Millisecond), "ms", peer, goal, 0})
	}
	return w
}

func (p *place) bySSH() side {
	return p.needSSH(func(ctx context.Context, d time.Duration) ([]float64, error) {
		return p.took(ctx, d, "0", p.toSSH("/bin/true")...)
	})
}

// needSSH says why ssh does nothing here, where that is so.
func (p *place) needSSH(do side) side {
	return func(ctx context.Context, d time.Duration) ([]float64, error) {
		if p.noSSH != nil {
			return nil, p.noSSH
		}
		return do(ctx, d)
	}
}

// piped runs a script with what runs a command on the far side, there being no connection yet.
func (p *place) piped(script string, far func(...string) []string, command []string) side {
	return func(ctx context.Context, d time.Duration) ([]float64, error) {
		return p.took(ctx, d, brief, append([]string{"sh", "-c", script, "sh"}, far(command...)...)...)
	}
}

// bySSHMaster is by a connection that was made before.
func (p *place) bySSHMaster() side {
	var up bool
	master := p.sshArgs("-o", "ControlPath="+p.path("master"), "-o", "ControlMaster=auto", "-o", "ControlPersist=60")
	by := func(args ...string) []string { return append(slices.Clip(master), args...) }
	return p.needSSH(func(ctx context.Context, d time.Duration) ([]float64, error) {
		if !up {
			up = true
			if _, err := p.took(ctx, 10*time.Second, "0", by("-Nf", "127.0.0.1")...); err != nil {
				return nil, err
			}
		}
		return p.took(ctx, d, "0", by("127.0.0.1", "/bin/true")...)
	})
}

// warm is by a connection that cpu has kept.
func (p *place) warm(ctx context.Context, d time.Duration, idle string) ([]float64, error) {
	if _, err := p.took(ctx, 10*time.Second, idle, p.cpuArgs("/bin/true")...); err != nil {
		return nil, err
	}
	return p.took(ctx, d, idle, p.cpuArgs("/bin/true")...)
}
