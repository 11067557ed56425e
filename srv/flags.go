package srv

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// Parse has f read a command's flags, which may stand together as in Letters. Of
// what is wrong with them nothing is printed: the error is flag.ErrHelp too.
func Parse(f *flag.FlagSet, args []string) error {
	f.SetOutput(io.Discard)
	if err := f.Parse(Letters(f, args)); err != nil {
		if text, ok := strings.CutSuffix(err.Error(), "parse error"); ok {
			err = errors.New(text + wanted(f, text))
		}
		return fmt.Errorf("%w: %w", flag.ErrHelp, err)
	}
	return nil
}

// wanted says what the flag that an error of package flag ends with should have been given.
func wanted(f *flag.FlagSet, text string) string {
	name := strings.TrimSuffix(text[strings.LastIndex(text, " -")+2:], ": ")
	if g, ok := f.Lookup(name).Value.(flag.Getter); ok {
		if _, ok := g.Get().(time.Duration); ok {
			return "not a time, such as 500ms or 2s"
		}
	}
	return "not a number"
}

// Letters takes apart flags of one letter that were given together, -ab or, where
// s is followed by a value, -absname, so that f can parse them: arg(2) of Plan 9.
// What is behind the flags, "-s=name", "--word" and -word, where that is a flag of f, are
// left as they are.
func Letters(f *flag.FlagSet, args []string) []string {
	var out []string
	for len(args) > 0 {
		a := args[0]
		if len(a) < 2 || a[0] != '-' || a == "--" {
			break
		}
		args = args[1:]
		name, _, given := strings.Cut(a[1:], "=")
		if a[1] == '-' || len(name) == 1 && given || len(name) > 1 && f.Lookup(name) != nil {
			out = append(out, a)
			if !given && takesValue(f, name) && len(args) > 0 {
				out, args = append(out, args[0]), args[1:]
			}
			continue
		}
		for a = a[1:]; a != ""; {
			c := a[:1]
			a, out = a[1:], append(out, "-"+c)
			if !takesValue(f, c) {
				continue
			}
			if a != "" {
				out = append(out, a)
			} else if len(args) > 0 {
				out, args = append(out, args[0]), args[1:]
			}
			break
		}
	}
	return append(out, args...)
}

func takesValue(f *flag.FlagSet, name string) bool {
	known := f.Lookup(name)
	if known == nil {
		return false
	}
	b, ok := known.Value.(interface{ IsBoolFlag() bool })
	return !ok || !b.IsBoolFlag()
}
