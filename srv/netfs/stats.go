package netfs

import (
	"context"
	"os"
	"strings"

	"ninespace/srv"
)

// statsFile is a protocol's counts: the lines of /proc/net/snmp that begin with its name,
// as one line for each count.
func statsFile(proto string) srv.File {
	return srv.Text(0o444, func(context.Context) (string, error) {
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return "", err
		}
		var names []string
		var text strings.Builder
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) == 0 || f[0] != proto+":" {
				continue
			}
			if names == nil {
				names = f
				continue
			}
			for i := 1; i < min(len(f), len(names)); i++ {
				text.WriteString(names[i] + ": " + f[i] + "\n")
			}
		}
		return text.String(), nil
	})
}
