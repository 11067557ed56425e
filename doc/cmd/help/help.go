package help

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"

	"ninespace/doc"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// Main gives the command, which knows the commands of a table.
func Main(t doc.Table) func(context.Context, [3]*os.File, []string) error {
	return func(_ context.Context, std [3]*os.File, args []string) error {
		if len(args) > 1 || len(args) == 1 && strings.HasPrefix(args[0], "-") {
			return flag.ErrHelp
		}
		if len(args) == 0 {
			for _, page := range doc.Topics() {
				if _, err := fmt.Fprintf(std[1], "%-12s%s\n", page.Name, page.Does); err != nil {
					return err
				}
			}
			return nil
		}
		for _, page := range doc.Topics() {
			if page.Name == args[0] {
				return doc.Show(std, page.Text)
			}
		}
		if c, ok := t.Lookup(args[0]); ok {
			return doc.Show(std, c.Plain())
		}
		return fmt.Errorf("%s: no such topic; nine help lists them", args[0])
	}
}
