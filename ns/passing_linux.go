package ns

import (
	"log"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Most mounts are of the host's directories over others of them, and the names of both are in
// the kernel's memory. Then the thread that has the request makes them in passing: to wake a
// visitor, and to be woken by him, takes longer than all else of it. As this thread has the
// device open, it must not wait for the engine. So it looks names up in memory only; and to
// mount the kernel locks what is mounted on, which must be on the same file system as what is
// mounted, one of the host's: whoever has that locked waits for no engine either, but where that file
// system's disk is an image in a name space, or where a directory of it is listed into a mapping of
// an engine's file. Other threads answer then, so this one waits for no longer; only if nsd is killed
// meanwhile does it sleep on, with the device open, and so do those who wait for the engine.

// inPassing makes the first so many of a list of mounts in the mount namespace of the thread pid,
// once it is there and allowed has said so. It makes none where threads of the process may be
// elsewhere than at home.
func (h *home) inPassing(pid int, make []Graft, allowed func() error) (made int) {
	if !h.whole {
		return 0
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Unshare(unix.CLONE_FS) != nil { // costs nothing once it is done; a thread that this one makes shares it again
		return 0
	}
	trees, dev := nearTrees(make)
	if len(trees) == 0 {
		return 0
	}
	defer func() {
		closeTrees(trees[:made])
		if made < len(trees) { // the kernel lets those go after all its processors have been asked
			go closeTrees(trees[made:])
		}
	}()
	v := visitor{home: h}
	v.in(pid, func() error {
		if err := allowed(); err != nil {
			return err
		}
		for i, tree := range trees {
			if err := attachNear(tree, dev, make[i].Target); err != nil {
				return err
			}
			made++
		}
		return nil
	})
	if v.lost {
		log.Fatal("nsd: a thread is in another mount namespace, and can't leave it")
	}
	return made
}

// nearTrees makes detached copies of a directory of the host's for the first mounts of a list,
// which are of that. It gives its file system too.
func nearTrees(make []Graft) (trees []int, dev uint64) {
	if !strings.HasPrefix(make[0].Host, "/") {
		return nil, 0
	}
	dir, dev, err := openNear(make[0].Host)
	if err != nil {
		return nil, 0
	}
	defer unix.Close(dir)
	for _, m := range make {
		if m.Host != make[0].Host {
			break
		}
		fd, err := unix.OpenTree(dir, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			break
		}
		trees = append(trees, fd)
	}
	return trees, dev
}

// attachNear attaches a tree where that can be done without waiting.
func attachNear(tree int, dev uint64, target string) error {
	at, on, err := openNear(target)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	if on != dev {
		return syscall.EXDEV
	}
	return unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

const resolveCached = 0x20 // of openat2(2), since Linux 5.12

// openNear gives an O_PATH descriptor of what a name means, if the kernel has all of that in
// memory, and its file system.
func openNear(name string) (fd int, dev uint64, err error) {
	fd, err = unix.Openat2(unix.AT_FDCWD, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: resolveCached})
	if err != nil {
		return -1, 0, err
	}
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &st); err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, unix.Mkdev(st.Dev_major, st.Dev_minor), nil
}
