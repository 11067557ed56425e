package rounds

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

// Options are the flags that benchmarks have in common.
type Options struct {
	Quick, CPU, JSON bool
	Only             *regexp.Regexp
}

// A usageError is of who called the program wrongly.
type usageError struct{ error }

// Parse reads the flags: these, of which quick and cpu say what two do here (there is
// no -cpu where cpu is ""), and those that the program has defined. Its error
// is for Exit.
func Parse(quick, cpu string) (o Options, err error) {
	flag.BoolVar(&o.Quick, "q", false, quick)
	if cpu != "" {
		flag.BoolVar(&o.CPU, "cpu", false, cpu)
	}
	flag.BoolVar(&o.JSON, "json", false, "print objects, one for a row and what it is compared with")
	only := flag.String("only", "", "do the rows that match `regexp`")
	flag.Parse()
	o.Only, err = regexp.Compile(*only)
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("%s: no arguments are taken", flag.Arg(0))
	}
	if err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// Main is the whole of the program name: it parses the flags, runs the benchmark until
// it is done or a signal ends ctx, and exits.
func Main(name, quick, cpu string, run func(ctx context.Context, o Options) error) {
	o, err := Parse(quick, cpu)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		err = run(ctx, o)
		stop()
	}
	Exit(name, err)
}

// Exit ends the program name by what came of it: status 2 for wrong usage, 1 for
// another error.
func Exit(name string, err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, name+":", err)
	if errors.As(err, new(usageError)) {
		os.Exit(2)
	}
	os.Exit(1)
}
