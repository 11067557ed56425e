package up

import (
	"fmt"
	"os"
	"time"

	"github.com/google/shlex"
)

// maxVMs is how many virtual machines one up starts: each wants 256 MiB.
const maxVMs = 64

// vmLimit is how long a virtual machine may take until it is posted: without the
// processor's help it is a hundred times slower.
const vmLimit = 5 * time.Minute

// vms gives what starts n virtual machines, vm1 and so on. $NINE_VM has flags of vm.
func vms(n int) (list []server, err error) {
	more, err := shlex.Split(os.Getenv("NINE_VM"))
	if err != nil {
		return nil, fmt.Errorf("$NINE_VM: %w", err)
	}
	for i := range n {
		name := vmName(i)
		list = append(list, server{append([]string{"vm", "-s", name}, more...), name, vmLimit})
	}
	return list, nil
}

func vmName(i int) string { return fmt.Sprint("vm", i+1) }

// withRoots has a shell come after the roots of n virtual machines, each at /n/NAME. They are
// mounted from inside, where what is lost with a machine that ends can be mounted again.
func withRoots(n int, shell []string) []string {
	if n == 0 {
		return shell
	}
	script := "for vm in"
	for i := range n {
		script += " " + vmName(i)
	}
	script += `; do import -r -c -s $vm.root $vm / /n/$vm || exit; done; exec "$@"`
	return append([]string{"/bin/sh", "-c", script, "up"}, shell...)
}
