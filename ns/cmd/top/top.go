package top

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	fs := flag.NewFlagSet("top", flag.ContinueOnError)
	times := fs.Int("n", 0, "print `count` times")
	every := fs.Duration("t", 2*time.Second, "`time` between two looks")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if *every < 10*time.Millisecond {
		return fmt.Errorf("%w: -t %v: 10ms at least", flag.ErrHelp, *every)
	}
	if *times < 0 {
		return flag.ErrHelp
	}
	all, err := nodes(fs.Args())
	if err != nil {
		return err
	}
	v := &view{nodes: all, by: 'c', every: *every}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dumb := strings.HasPrefix(os.Getenv("TERM"), "dumb") // it can't be told where to write
	if *times == 0 && !dumb && term.IsTerminal(int(std[0].Fd())) && term.IsTerminal(int(std[1].Fd())) {
		return v.watch(ctx, std[0], std[1])
	}
	return v.print(ctx, std[1], *times)
}

// print writes the nodes, and each one's servers and processes, so many times; 0 is for ever.
// There are two looks before the first, as what is told is what was between two.
func (v *view) print(ctx context.Context, w io.Writer, times int) error {
	for i := 0; times == 0 || i <= times; i++ {
		var all sync.WaitGroup
		for _, n := range v.nodes {
			all.Add(1)
			n.look(true, all.Done)
		}
		all.Wait()
		if i > 0 {
			if err := v.write(w, i > 1); err != nil {
				return err
			}
		}
		if i == times && times > 0 {
			break
		}
		select {
		case <-time.After(v.every):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func (v *view) write(w io.Writer, blank bool) error {
	text := ""
	if blank {
		text = "\n"
	}
	v.chosen = -1
	text += v.nodeHead().String() + "\n"
	for _, n := range v.nodes {
		text += v.nodeRow(n, false, n.now.at).String() + "\n"
	}
	for i := range v.nodes {
		v.chosen = i
		rows := v.rows(0, 1<<20, time.Time{})
		text += "\n" + v.nodes[i].name + "\n"
		for _, r := range rows[len(v.nodes)+4:] {
			if len(r) == 0 {
				break
			}
			text += r.String() + "\n"
		}
	}
	_, err := fmt.Fprint(w, text)
	return err
}
