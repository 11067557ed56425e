package main

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The floor is the least that a file of FUSE takes: a server that does nothing but answer,
// by one thread, from memory, with the same bytes for each file. Names and attributes are
// the kernel's for good, a close is not waited for. What is left is an open, a read, a
// read that finds the end and a release a file.

var le = binary.LittleEndian

const (
	fuseInHeader = 40
	fuseForever  = 1 << 30 // seconds
)

// serveFloor answers on descriptor 3, /dev/fuse, until the mount is gone. A directory's
// number is twice the one of its name and 2, its file's is one more.
func serveFloor(context.Context, [3]*os.File, []string) error {
	buf, out := make([]byte, 1<<20), make([]byte, 4096)
	for {
		n, err := unix.Read(3, buf)
		switch {
		case errors.Is(err, unix.ENODEV):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOENT):
			continue
		case err != nil:
			return err
		}
		in := buf[:n]
		node, body := le.Uint64(in[16:]), out[16:16]
		errno := unix.Errno(0)
		attr := func(node uint64) []byte {
			a := make([]byte, 88)
			le.PutUint64(a, node)
			le.PutUint32(a[60:], unix.S_IFDIR|0o555)
			if node%2 == 1 && node > 1 {
				le.PutUint32(a[60:], unix.S_IFREG|0o444)
			}
			le.PutUint32(a[64:], 1)
			return a
		}
		switch le.Uint32(in[4:]) {
		case 2, 42: // FORGET, BATCH_FORGET
			continue
		case 26: // INIT
			body = append(body, in[fuseInHeader:fuseInHeader+12]...) // the version and read-ahead of the kernel's
			body = append(body, make([]byte, 64-12)...)
			le.PutUint32(body[20:], 128<<10)
		case 1: // LOOKUP
			name := strings.TrimRight(string(in[fuseInHeader:]), "\x00")
			id := node + 1
			if node == 1 {
				pid, err := strconv.Atoi(name)
				if err != nil {
					errno = unix.ENOENT
					break
				}
				id = uint64(2*pid + 2)
			}
			body = le.AppendUint64(body, id)
			body = le.AppendUint64(body, 0)
			body = le.AppendUint64(body, fuseForever)
			body = le.AppendUint64(body, fuseForever)
			body = le.AppendUint64(body, 0)
			body = append(body, attr(id)...)
		case 3: // GETATTR
			body = le.AppendUint64(body, fuseForever)
			body = le.AppendUint64(body, 0)
			body = append(body, attr(node)...)
		case 14: // OPEN
			body = le.AppendUint64(body, 0)
			body = le.AppendUint32(body, 1<<0|1<<5) // DIRECT_IO, NOFLUSH
			body = le.AppendUint32(body, 0)
		case 15: // READ
			if le.Uint64(in[fuseInHeader+8:]) == 0 {
				body = append(body, floorText...)
			}
		case 18: // RELEASE
		default:
			errno = unix.ENOSYS
		}
		if errno != 0 {
			body = body[:0]
		}
		out := out[:16+len(body)]
		le.PutUint32(out, uint32(len(out)))
		le.PutUint32(out[4:], uint32(-int32(errno)))
		copy(out[8:16], in[8:16])
		if _, err := unix.Write(3, out); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}

var floorText = strings.Repeat("x", statusSize)

// mountFloor mounts it, served by a process of its own, and makes its root this process's
// directory.
func mountFloor(ctx context.Context) (end func(), err error) {
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	at, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(at)
	for _, o := range [][2]string{{"source", "floor"}, {"fd", strconv.Itoa(int(dev.Fd()))}, {"rootmode", "40000"}, {"user_id", "0"}, {"group_id", "0"}} {
		if err := unix.FsconfigSetString(at, o[0], o[1]); err != nil {
			return nil, os.NewSyscallError("fsconfig", err)
		}
	}
	if err := unix.FsconfigCreate(at); err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	mnt, err := unix.Fsmount(at, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	cmd, err := command(ctx, "", "-floor")
	if err == nil {
		cmd.ExtraFiles = []*os.File{dev}
		err = cmd.Start()
	}
	if err != nil {
		unix.Close(mnt)
		return nil, err
	}
	end = func() {
		os.Chdir("/")
		unix.Close(mnt)
		cmd.Process.Kill() // it ends with the mount, which another process's copy could keep
		cmd.Wait()
	}
	if err := unix.Fchdir(mnt); err != nil {
		end()
		return nil, err
	}
	return end, nil
}
