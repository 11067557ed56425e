package srvtest

import (
	"os"
	"os/signal"
	"syscall"
)

// Heed has the programs that tests start end by ^C and hangups, though the tests were
// started with these signals ignored, as nohup and a shell's & do: what is ignored stays so
// in whatever is started. It is for TestMain.
func Heed() {
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig) // what is caught is not ignored there
		}
	}
}
