package rc

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNoteOrder: a note that a command sends the shell is acted on before the next command,
// whatever the command is, and by the last one before the end.
func TestNoteOrder(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"program":    "/bin/kill -USR1 $pid",
		"pipeline":   "echo | /bin/kill -USR1 $pid | cat",
		"subshell":   "@{/bin/kill -USR1 $pid}",
		"backquote":  "y=`{/bin/kill -USR1 $pid}",
		"waited for": "/bin/kill -USR1 $pid & wait $apid",
		"function":   "fn f { /bin/kill -USR1 $pid }; f",
		"condition":  "if(! /bin/kill -USR1 $pid) echo no",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command(shell(t), "-c", `
				fn sigusr1 { got=yes }
				late=()
				for(i in `+"`{seq 200}"+`){
					got=no
					`+command+`
					~ $got yes || late=($late $i)
				}
				echo late: $late`).CombinedOutput()
			if err != nil || string(out) != "late:\n" {
				t.Errorf("got %s, %v", out, err)
			}
		})
	}
	t.Run("end", func(t *testing.T) {
		t.Parallel()
		rc := shell(t)
		for range 50 {
			out, err := exec.Command(rc, "-c", "fn sigusr1 { echo got }; /bin/kill -USR1 $pid").CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != "got" {
				t.Fatalf("got %q, %v", out, err)
			}
		}
	})
}

// TestNoteDefault: a note that the script has no function for ends it, as the signal does
// any program, and no more once the function is gone.
func TestNoteDefault(t *testing.T) {
	t.Parallel()
	rc := shell(t)
	for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGALRM, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGXCPU} {
		name := strings.TrimPrefix(unix.SignalName(sig), "SIG")
		for _, before := range []string{"", "fn sig" + strings.ToLower(name) + " {}; /bin/kill -" + name + " $pid; fn sig" + strings.ToLower(name) + ";"} {
			if before != "" && sig == unix.SIGXCPU {
				continue // it has no name in rc
			}
			cmd := exec.Command(rc, "-c", before+"echo be''gun; /bin/kill -"+name+" $pid; echo never")
			out, _ := cmd.CombinedOutput()
			if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); !ws.Signaled() || ws.Signal() != sig || string(out) != "begun\n" {
				t.Errorf("%s%s: %v, %q", before, name, cmd.ProcessState, out)
			}
		}
	}
}
