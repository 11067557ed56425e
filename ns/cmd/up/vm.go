package up

import (
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

// vms gives what starts n virtual machines, vm1 and so on, with the root of each, and the
// namespace(6) lines that mount those. $NINE_VM has flags of vm.
func vms(n int) (list []server, lines ns.Source, err error) {
	more, err := shlex.Split(os.Getenv("NINE_VM"))
	if err != nil {
		return nil, lines, fmt.Errorf("$NINE_VM: %w", err)
	}
	lines.Name = "-vm"
	for i := range n {
		name := fmt.Sprint("vm", i+1)
		list = append(list, server{append([]string{"vm", "-s", name}, more...), name, vmLimit},
			server{[]string{"import", "-s", name + ".root", name, "/"}, name + ".root", vmLimit})
		lines.Text += fmt.Sprintf("mount -c '#s/%s.root' /n/%s\n", name, name)
	}
	return list, lines, nil
}
