// Package floor is the least that a file of FUSE takes: a server that does nothing but answer,
// by one thread. Names and attributes are the kernel's for good, a close is not waited for.
package floor

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A File is what every file has: there is one in each directory, by any name, and a directory
// of each number.
type File struct {
	Size   uint64
	Direct bool                                // by no page cache
	Keep   bool                                // what the page cache has is believed at the next open
	Read   func(off uint64, size int) []byte   // gives as much, or less at the end
	Write  func(text string, done func(error)) // calls done when all of it is taken, by any thread
}

const (
	fuseInHeader = 40
	fuseWriteIn  = 40
	fuseForever  = 1 << 30 // seconds
	maxPages     = 256
	maxWrite     = maxPages * 4096

	canAsyncRead, canBigWrites, canMaxPages = 1 << 0, 1 << 5, 1 << 22
)

// Serve answers on descriptor 3, /dev/fuse, until the mount is gone. A directory's
// number is twice the one of its name and 2, its file's is one more.
func (f *File) Serve() error {
	le := binary.LittleEndian
	buf, out := make([]byte, maxWrite+4096), make([]byte, 4096)
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
		var data []byte
		errno := unix.Errno(0)
		switch le.Uint32(in[4:]) {
		case 2, 42: // FORGET, BATCH_FORGET
			continue
		case 26: // INIT
			body = append(body, in[fuseInHeader:fuseInHeader+12]...) // the version and read-ahead of the kernel's
			body = append(body, make([]byte, 64-12)...)
			le.PutUint32(body[12:], canAsyncRead|canBigWrites|canMaxPages)
			le.PutUint16(body[16:], 64) // requests under way
			le.PutUint16(body[18:], 48)
			le.PutUint32(body[20:], maxWrite)
			le.PutUint16(body[28:], maxPages)
		case 1: // LOOKUP
			id := node + 1
			if node == 1 {
				n, err := strconv.Atoi(strings.TrimRight(string(in[fuseInHeader:]), "\x00"))
				if err != nil {
					errno = unix.ENOENT
					break
				}
				id = uint64(2*n + 2)
			}
			for _, v := range [...]uint64{id, 0, fuseForever, fuseForever, 0} {
				body = le.AppendUint64(body, v)
			}
			body = append(body, f.attr(id)...)
		case 3: // GETATTR
			body = le.AppendUint64(body, fuseForever)
			body = le.AppendUint64(body, 0)
			body = append(body, f.attr(node)...)
		case 14: // OPEN
			flags := uint32(1 << 5) // NOFLUSH
			if f.Direct {
				flags |= 1 << 0
			}
			if f.Keep {
				flags |= 1 << 1
			}
			body = le.AppendUint64(body, 0)
			body = le.AppendUint32(body, flags)
			body = le.AppendUint32(body, 0)
		case 15: // READ
			data = f.Read(le.Uint64(in[fuseInHeader+8:]), int(le.Uint32(in[fuseInHeader+16:])))
		case 16: // WRITE
			errno = unix.ENOSYS
			if f.Write != nil {
				f.Write(string(in[fuseInHeader+fuseWriteIn:]), wrote(in))
				continue
			}
		case 18: // RELEASE
		default:
			errno = unix.ENOSYS
		}
		if errno != 0 {
			body = body[:0]
		}
		out := out[:16+len(body)]
		le.PutUint32(out, uint32(len(out)+len(data)))
		le.PutUint32(out[4:], uint32(-int32(errno)))
		copy(out[8:16], in[8:16])
		if len(data) > 0 {
			_, err = unix.Writev(3, [][]byte{out, data})
		} else {
			_, err = unix.Write(3, out)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}

// wrote gives what answers a WRITE.
func wrote(in []byte) func(error) {
	le := binary.LittleEndian
	out := le.AppendUint64(make([]byte, 0, 24), 16)
	out = append(out, in[8:16]...)
	size := uint64(len(in) - fuseInHeader - fuseWriteIn)
	return func(err error) {
		if err == nil {
			out = le.AppendUint64(out, size)
		} else {
			errno := unix.EIO
			errors.As(err, &errno)
			le.PutUint32(out[4:], uint32(-int32(errno)))
		}
		le.PutUint32(out, uint32(len(out)))
		unix.Write(3, out)
	}
}

func (f *File) attr(node uint64) []byte {
	le := binary.LittleEndian
	a := make([]byte, 88)
	le.PutUint64(a, node)
	le.PutUint32(a[60:], unix.S_IFDIR|0o555)
	if node%2 == 1 && node > 1 {
		le.PutUint64(a[8:], f.Size)
		le.PutUint32(a[60:], unix.S_IFREG|0o444)
	}
	le.PutUint32(a[64:], 1)
	return a
}

// Mount mounts it where nobody sees it, and has server, a process of its own, serve it. root is
// a descriptor of its root, which end closes.
func Mount(server *exec.Cmd) (root int, end func(), err error) {
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return -1, nil, err
	}
	defer dev.Close()
	at, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(at)
	for _, o := range [][2]string{{"source", "floor"}, {"fd", strconv.Itoa(int(dev.Fd()))}, {"rootmode", "40000"},
		{"user_id", strconv.Itoa(os.Geteuid())}, {"group_id", strconv.Itoa(os.Getegid())}} {
		if err := unix.FsconfigSetString(at, o[0], o[1]); err != nil {
			return -1, nil, os.NewSyscallError("fsconfig", err)
		}
	}
	if err := unix.FsconfigCreate(at); err != nil {
		return -1, nil, os.NewSyscallError("fsconfig", err)
	}
	if root, err = unix.Fsmount(at, unix.FSMOUNT_CLOEXEC, 0); err != nil {
		return -1, nil, os.NewSyscallError("fsmount", err)
	}
	server.ExtraFiles = []*os.File{dev}
	if err := server.Start(); err != nil {
		unix.Close(root)
		return -1, nil, err
	}
	return root, func() {
		unix.Close(root)
		server.Process.Kill() // it ends with the mount, which another process's copy could keep
		server.Wait()
	}, nil
}
