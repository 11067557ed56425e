package ns

import (
	"context"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// A muteFile's writes wait until held is closed.
type muteFile struct {
	srv.File
	held chan struct{}
}

func (f *muteFile) Open(ctx context.Context, mode p9.Mode) (srv.Handle, error) {
	h, err := openRam(ctx, f.File, mode)
	return &muteHandle{h, f}, err
}

type muteHandle struct {
	ramHandle
	f *muteFile
}

func (h *muteHandle) Write(ctx context.Context, p []byte, off int64) (int, error) {
	<-h.f.held
	return h.ramHandle.Write(ctx, p, off)
}

// TestEnding has a process ended by each kind of signal after a write that its server has not
// answered: it does not wait for that any more, as nobody could end it then.
func TestEnding(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGALRM, unix.SIGPIPE} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			f := &muteFile{held: make(chan struct{})}
			s, _ := serveOnly(t, func(file srv.File) srv.File {
				h, err := srv.Open(t.Context(), file, p9.OWRITE)
				if err == nil { // a file of version 0 is not written behind
					_, err = h.(srv.Writer).Write(t.Context(), []byte("old\n"), 0)
				}
				if err != nil {
					t.Fatal(err)
				}
				f.File = file
				return f
			})
			cmd := mountGroup(t, "mount -c -C "+srvtest.NewLink(t, s, 0).Addr+" /n/x").command("/n/x", "exec tee f")
			in, out := startPiped(t, cmd)
			for range 2 { // as a line comes here before it is written there
				_, err := io.WriteString(in, "line\n")
				if err == nil {
					_, err = out.ReadString('\n')
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			ended := make(chan error)
			go func() {
				err := cmd.Process.Signal(sig)
				cmd.Wait()
				ended <- err
			}()
			select {
			case err := <-ended:
				close(f.held)
				if err != nil {
					t.Error(err)
				}
			case <-time.After(srvtest.Patience):
				t.Error("it does not end")
				close(f.held)
				<-ended
			}
		})
	}
}
