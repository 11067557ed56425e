package up

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/google/shlex"

	"ninespace/ns"
)

// maxVMs is how many virtual machines one up starts: each wants 256 MiB.
const maxVMs = 64

// vmLimit is how long a virtual machine may take until it is posted: without the
// processor's help it is a hundred times slower.
const vmLimit = 5 * time.Minute

// A virtual says what virtual machines there are to be: what is started, of each a name and
// the arguments of nine, and what mounts their roots.
type virtual struct {
	servers []vmServer
	mounts  ns.Source
}

type vmServer struct {
	name string
	args []string
}

// newVMs makes n of them, vm1 and so on. $NINE_VM has flags of vm.
func newVMs(n int) (v virtual, err error) {
	if n < 0 || n > maxVMs {
		return v, fmt.Errorf("%w: -vm %d: 1 to %d machines", flag.ErrHelp, n, maxVMs)
	}
	more, err := shlex.Split(os.Getenv("NINE_VM"))
	if err != nil {
		return v, fmt.Errorf("$NINE_VM: %w", err)
	}
	v.mounts.Name = "vm"
	for i := range n {
		name := fmt.Sprint("vm", i+1)
		v.servers = append(v.servers, vmServer{name, append([]string{"vm"}, more...)}, vmServer{name + ".root", []string{"import", name, "/"}})
		v.mounts.Text += fmt.Sprintf("mount -c '#s/%s.root' /n/%s\n", name, name)
	}
	return v, nil
}
