package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ninespace/test/bench/rounds"
)

// A bench is one run of the program.
type bench struct {
	rounds int
	scale  int // works are this much smaller
	last   time.Duration
	cpu    bool

	ctx    context.Context
	dir    string
	shells map[string][]string // the command of each
	absent map[string]error
	turn   int
}

// A result is what a shell gave in a row: seconds, by round.
type result struct {
	values rounds.Values
	err    error
}

var errTime = errors.New("no time left for it")

// run measures the rows that match and reports each as it is done.
func (b *bench) run(ctx context.Context, match *regexp.Regexp, report func(*row, map[string]*result)) (err error) {
	begin := time.Now()
	if b.dir, err = os.MkdirTemp("", "rcbench."); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.find(ctx); err != nil {
		return err
	}
	// Building is no part of the time: it is done once.
	var cancel context.CancelFunc
	if b.scale > 1 {
		begin = time.Now()
	}
	b.ctx, cancel = context.WithDeadline(ctx, begin.Add(b.last))
	defer cancel()
	for _, r := range rows() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !match.MatchString(r.work) {
			continue
		}
		report(&r, b.measure(&r))
	}
	return ctx.Err()
}

// programs are those that only start: one that is nothing else, one that has the
// TLS that is in nine too, whose packages do something before main, and everybody's first.
var programs = map[string]string{
	"go":    "package main\n\nfunc main() {}\n",
	"tls":   "package main\n\nimport _ \"crypto/tls\"\n\nfunc main() {}\n",
	"hello": "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello, world\") }\n",
}

// find builds ours and looks for the others.
func (b *bench) find(ctx context.Context) error {
	b.shells, b.absent = map[string][]string{}, map[string]error{}
	nine := filepath.Join(b.dir, "nine")
	if err := build(ctx, nine, "ninespace"); err != nil {
		return err
	}
	ours := filepath.Join(b.dir, "rc")
	if err := os.Symlink(nine, ours); err != nil {
		return err
	}
	b.shells["ours"] = []string{ours}
	for name, src := range programs {
		exe := filepath.Join(b.dir, name)
		if err := os.WriteFile(exe+".go", []byte(src), 0o600); err != nil {
			return err
		}
		if err := build(ctx, exe, exe+".go"); err != nil {
			return err
		}
		b.shells[name] = []string{exe}
	}
	for name, file := range map[string]string{"9base": "/usr/lib/plan9/bin/rc", "byron": "rc.byron", "dash": "dash", "bash": "bash"} {
		path, err := exec.LookPath(file)
		if err != nil {
			b.absent[name] = err
			continue
		}
		b.shells[name] = []string{path}
	}
	return nil
}

// build makes a program, and writes its file anew, in one go as packages are installed: of one that
// the linker wrote in bits Linux has bits in memory, and its start takes up to a fifth longer.
func build(ctx context.Context, out, what string) error {
	linked := out + ".linked"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", linked, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w: %s", what, err, strings.TrimSpace(string(text)))
	}
	exe, err := os.ReadFile(linked)
	if err != nil {
		return err
	}
	return os.WriteFile(out, exe, 0o700)
}

// measure does a row in each shell that has a text for it, in b.rounds rounds, each
// with another shell first.
func (b *bench) measure(r *row) map[string]*result {
	results := map[string]*result{}
	args := map[string][]string{}
	var names []string
	for _, name := range append([]string{"ours"}, peers...) {
		text, ok := r.text[name]
		if !ok {
			continue
		}
		names = append(names, name)
		results[name] = &result{err: b.absent[name]}
		if results[name].err == nil {
			var err error
			args[name], err = b.command(r, name, text)
			results[name].err = err
		}
	}
	took := map[string]time.Duration{}
	for range b.rounds + 1 {
		b.turn++
		for i := range names {
			name := names[(i+b.turn)%len(names)]
			res := results[name]
			if res.err == nil && b.ctx.Err() != nil {
				res.err = errTime
			}
			if res.err != nil && (!errors.Is(res.err, errTime) || len(res.values) == 0) {
				continue
			}
			if res.err != nil || b.scale > 1 && took[name] > time.Second/4 {
				res.err = nil
				continue
			}
			begin := time.Now()
			status := 0
			if name == "ours" {
				status = r.fails
			}
			v, err := b.time(args[name], max(1, r.many/b.scale), status)
			if err != nil {
				res.err = fmt.Errorf("%w", err)
				continue
			}
			took[name] += time.Since(begin)
			res.values = append(res.values, v)
		}
	}
	// The first round warms up, if there are others.
	more := true
	for _, res := range results {
		if res.err == nil && len(res.values) == 0 {
			res.err = errTime
		}
		more = more && (res.err != nil || len(res.values) > 1)
	}
	for _, res := range results {
		if more && len(res.values) > 1 {
			res.values = res.values[1:]
		}
	}
	return results
}

// command gives the command line of a row's work in a shell.
func (b *bench) command(r *row, name, text string) ([]string, error) {
	n := r.n
	if !r.whole {
		n /= b.scale
	}
	if strings.Contains(text, "@file@") {
		file := filepath.Join(b.dir, strings.ReplaceAll(r.work, " ", "-"))
		content := r.file
		if r.work == "parse" && (name == "dash" || name == "bash") {
			file, content = file+".sh", posixFunctions
		}
		if _, err := os.Stat(file); err != nil {
			if err := os.WriteFile(file, []byte(content(n)), 0o600); err != nil {
				return nil, err
			}
		}
		text = strings.ReplaceAll(text, "@file@", file)
	}
	if r.argv {
		f := strings.Fields(text)
		return append([]string{filepath.Join(b.dir, f[0])}, f[1:]...), nil
	}
	return append(b.shells[name], "-c", strings.ReplaceAll(text, "@N@", strconv.Itoa(n))), nil
}

// time runs a command, that ends with a status and says why if that is not 0, several times, and
// gives the seconds for one.
func (b *bench) time(args []string, many, status int) (float64, error) {
	var used time.Duration
	begin := time.Now()
	for range many {
		cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
		cmd.Dir = b.dir
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + b.dir, "LC_ALL=C"}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil && stderr.Len() > 0 && cmd.ProcessState.ExitCode() != status {
			return 0, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
		} else if err != nil && cmd.ProcessState == nil || err != nil && !cmd.ProcessState.Exited() {
			return 0, err
		}
		used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if !b.cpu {
		used = time.Since(begin)
	}
	return used.Seconds() / float64(many), nil
}
