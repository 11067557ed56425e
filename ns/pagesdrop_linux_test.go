package ns

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// What is to be dropped of a file of which a page is being read has to wait for that.

// TestPagesSlow has who asks for attributes go on to see what others change, also after it once
// took long to drop what there was.
func TestPagesSlow(t *testing.T) {
	t.Parallel()
	s := srv.New(ramfs.New())
	slow, quick := srvtest.NewLink(t, s, slowTrip), srvtest.NewLink(t, s, 0)
	mountGroup(t, "mount -c "+slow.Addr+" /n/x\nmount -c "+quick.Addr+" /n/y").mapped(t, "slow")
}

const slowTrip = 3 * tellPatience

func mappedSlow() error {
	const page, size = 4096, 1 << 20
	if err := os.WriteFile("y/f", make([]byte, size), 0o644); err != nil {
		return err
	}
	return withFile("x/f", os.O_RDONLY, func(x *os.File) error {
		if err := unix.Fadvise(int(x.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
			return err
		}
		for i := range byte(3) {
			err := withFile("y/f", os.O_WRONLY, func(y *os.File) error {
				_, err := y.WriteAt([]byte{i + 1}, 0)
				return err
			})
			if err != nil {
				return err
			}
			other := make(chan error)
			go func() { // is under way when what the attributes are is known
				time.Sleep(slowTrip / 2)
				_, err := x.ReadAt(make([]byte, 1), size/2+int64(i)*page)
				other <- err
			}()
			var got [1]byte
			for deadline := time.Now().Add(srvtest.Patience); got[0] != i+1; {
				if time.Now().After(deadline) {
					return fmt.Errorf("change %d is not seen", i)
				}
				if _, err := x.Stat(); err != nil {
					return err
				}
				if _, err := x.ReadAt(got[:], 0); err != nil {
					return err
				}
			}
			if err := <-other; err != nil {
				return err
			}
		}
		return nil
	})
}

// TestPagesThreads has a server that tells of changes of a file again and again, and does not
// answer a read of it, not have more than a few threads of the engine wait for that.
func TestPagesThreads(t *testing.T) {
	if linuxBefore(6, 6) {
		t.Skip("Linux before 6.6 asks for attributes before it reads, which hangs here too")
	}
	s := srv.New(ramfs.New())
	hung, quick := srvtest.NewLink(t, s, 0), srvtest.NewLink(t, s, 0)
	m := mountGroup(t, "mount -c "+hung.Addr+" /n/x\nmount -c "+quick.Addr+" /n/y")
	m.sh(t, "/n/y", "head -c 8192 /dev/zero >f")
	// cat would first want the file's attributes, which after some ms the kernel asks for anew.
	sh := m.command("/n/x", "exec <f; echo; read _ <&4; read _ || :")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	sh.ExtraFiles = append(sh.ExtraFiles, r)
	out, err := sh.StdoutPipe()
	if err == nil {
		err = sh.Start()
	}
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1)) // it is open
	hung.Stall()
	m.requests(t)
	fmt.Fprintln(w)
	if !srvtest.Until(func() bool { return strings.Contains(m.requests(t), "read:") }) {
		t.Error("nothing is read")
	}
	n, err := strconv.Atoi(m.asked(t, "forget 300"))
	if err != nil || n > 100 {
		t.Errorf("%d threads, %v", n, err)
	}
	hung.Go()
	if err := sh.Wait(); err != nil {
		t.Error(err)
	}
}

// forget has the kernel forget all files many times at once, and gives the number of threads.
func (f *fuseFS) forget(times int) (threads int) {
	f.mu.RLock()
	devs := map[uint64]bool{}
	for k := range f.files {
		devs[k.dev] = true
	}
	f.mu.RUnlock()
	done := make(chan struct{})
	for range times {
		go func() {
			for dev := range devs {
				f.forgotten(dev, nil, true)
			}
			done <- struct{}{}
		}()
	}
	for range times {
		<-done
	}
	tasks, _ := os.ReadDir("/proc/self/task")
	return len(tasks)
}
