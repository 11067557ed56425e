package doctor

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"

	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// A check is one thing that a machine can do or not.
type check struct {
	name string
	why  string // what it is for
	must bool   // nine up does not work without
	try  func() (found string, err error)
}

// A lack is why something can't be done, and what to do about it.
type lack struct {
	what, remedy string
	less         bool // little depends on it
}

func (l lack) Error() string {
	if l.remedy == "" {
		return l.what
	}
	return l.what + ": " + l.remedy
}

// Main is the command.
func Main(_ context.Context, std [3]*os.File, args []string) error {
	if os.Getenv(trial) != "" {
		return tryMount()
	}
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	verbose := fs.Bool("v", false, "say what each is for")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return flag.ErrHelp
	}
	var missing []string
	for _, c := range checks() {
		word := "ok"
		found, err := c.try()
		if err != nil {
			word, found = "no", err.Error()
			if l, ok := err.(lack); ok && l.less || !c.must && !ok {
				word = "less"
			}
			if c.must {
				missing = append(missing, c.name)
			}
		}
		if _, err := fmt.Fprintf(std[1], "%-5s%-12s%s\n", word, c.name, found); err != nil {
			return err
		}
		if *verbose {
			fmt.Fprintf(std[1], "%17s%s\n", "", c.why)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("nine up will not work here: see %s above", strings.Join(missing, ", "))
	}
	return nil
}
