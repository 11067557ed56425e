package ns

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/ramfs"
	"ninespace/srv/srvtest"
)

// What is in memory of a file of a mount is used by a process of its own: where it has to
// wait for a page, Go's scheduler waits with it, and nothing that it serves is served.

// mappedEnv has a process that is started anew do one of mappings, in its directory.
const mappedEnv = "NINE_TEST_MAPPED"

var mappings = map[string]func() error{"end": mappedEnd, "append": mappedAppend, "unmap": mappedUnmap,
	"look": mappedLook, "poke": mappedPoke, "count": mappedCount, "names": mappedNames, "files": mappedFiles, "turns": mappedTurns, "gone": mappedGone, "copy": mappedCopy, "truncate": mappedTruncate,
	"slow": mappedSlow, "interrupt": mappedInterrupt, "alarm": mappedAlarm, "full": mappedFull, "direct": mappedDirect, "reading": mappedReading, "readsignal": mappedReadSignal}

// mapped has a process do one of mappings.
func (m *mounted) mapped(t *testing.T, name string) string {
	t.Helper()
	cmd := m.command("/n", `exec "$TEST"`)
	cmd.Env = append(os.Environ(), mappedEnv+"="+name, "TEST="+os.Args[0])
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

// TestMappedEnd has a file that was just made longer be read into memory to its end,
// though the server gives it in pieces, one of which ends where the file did.
func TestMappedEnd(t *testing.T) {
	for _, flag := range []string{"", "-C "} {
		t.Run("mount "+flag, func(t *testing.T) {
			l := srvtest.NewLink(t, srv.New(ramfs.New()), 0)
			mountGroup(t, "mount -c "+flag+l.Addr+" /n/x").mapped(t, "end")
		})
	}
}

func mappedEnd() error {
	want := bytes.Repeat([]byte("ninespace"), 200)
	const begin, step = 1378, 50
	err := os.WriteFile("x/f", bytes.Repeat([]byte{'x'}, 5000), 0o644)
	if err == nil {
		err = os.WriteFile("x/f", want[:begin], 0o644)
	}
	for n := begin; n < len(want) && err == nil; n += step {
		end := min(n+step, len(want))
		err = withFile("x/f", os.O_RDWR|os.O_APPEND, func(f *os.File) error {
			if _, err := f.Write(want[n:end]); err != nil {
				return err
			}
			return withFile("x/f", os.O_RDWR, func(g *os.File) error {
				return withMemory(g, 4096, func(mem []byte) error {
					if !bytes.Equal(mem[:end], want[:end]) {
						return fmt.Errorf("of %d bytes the last are %q", end, mem[end-10:end])
					}
					return nil
				})
			})
		})
	}
	return err
}

// TestMappedAppend has what is changed in memory be with the server when the file is
// closed, though the one that may write is open to append.
func TestMappedAppend(t *testing.T) {
	s := srv.New(ramfs.New())
	slow, quick := srvtest.NewLink(t, s, 20*time.Millisecond), srvtest.NewLink(t, s, 0)
	mountGroup(t, "mount -c -C "+slow.Addr+" /n/x\nmount "+quick.Addr+" /n/y").mapped(t, "append")
}

// TestMappedUnmap has what is changed in memory be with the server when the memory is
// given up, where the file was closed before: no close comes any more. Linux before 6.16 writes
// from a copy, for which nobody waits then.
func TestMappedUnmap(t *testing.T) {
	s := srv.New(ramfs.New())
	slow, quick := srvtest.NewLink(t, s, 20*time.Millisecond), srvtest.NewLink(t, s, 0)
	mountGroup(t, "mount -c -C "+slow.Addr+" /n/x\nmount "+quick.Addr+" /n/y").mapped(t, "unmap")
}

func mappedUnmap() error {
	err := os.WriteFile("x/f", make([]byte, 8192), 0o644)
	for i := byte(1); i < 5 && err == nil; i++ {
		err = withFile("x/f", os.O_RDWR, func(f *os.File) error {
			return withMemory(f, 8192, func(mem []byte) error {
				if err := f.Close(); err != nil {
					return err
				}
				mem[5000] = i
				return nil
			})
		})
		if err != nil {
			break
		}
		written := func() bool {
			var b []byte
			b, err = os.ReadFile("y/f")
			return err == nil && b[5000] == i
		}
		if !written() && !(linuxBefore(6, 16) && srvtest.Until(written)) {
			return fmt.Errorf("%d is not written, %v", i, err)
		}
	}
	return err
}

// linuxBefore tells whether the kernel is older than a version.
func linuxBefore(major, minor int) bool {
	var u unix.Utsname
	var is [2]int
	unix.Uname(&u)
	fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &is[0], &is[1])
	return slices.Compare(is[:], []int{major, minor}) < 0
}

func mappedAppend() error {
	err := os.WriteFile("x/f", make([]byte, 8192), 0o644)
	for i := byte(1); i < 5 && err == nil; i++ {
		err = withFile("x/f", os.O_RDWR|os.O_APPEND, func(f *os.File) error {
			err := withMemory(f, 8192, func(mem []byte) error {
				mem[5000] = i
				return nil
			})
			if err == nil && i%2 == 0 {
				err = f.Sync()
			} else if err == nil {
				err = f.Close()
			}
			if err != nil {
				return err
			}
			if b, err := os.ReadFile("y/f"); err != nil || b[5000] != i {
				return fmt.Errorf("what was written is %d, not %d, %v", b[5000], i, err)
			}
			return nil
		})
	}
	return err
}

func withFile(name string, flag int, do func(f *os.File) error) error {
	f, err := os.OpenFile(name, flag, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

func withMemory(f *os.File, size int, do func(mem []byte) error) error {
	mem, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(mem)
	return do(mem)
}
