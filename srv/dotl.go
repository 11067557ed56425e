package srv

import (
	"context"
	"io/fs"

	"ninespace/srv/p9"
)

// What only 9P2000.L can ask for. A file that lacks an interface answers
// "Operation not supported"; where another interface can do the same, the
// engine uses that (see Unlink and Rename).

// A Readlinker is a symbolic link.
type Readlinker interface {
	Readlink(ctx context.Context) (string, error)
}

// A Symlinker is a directory in which symbolic links can be made.
type Symlinker interface {
	Symlink(ctx context.Context, name, target string) (File, error)
}

// A Linker is a directory in which a further name can be given to target, a
// File of the same server.
type Linker interface {
	Link(ctx context.Context, target File, name string) error
}

// A Mknoder is a directory in which device nodes, pipes and sockets can be
// made. rdev is a Linux dev_t.
type Mknoder interface {
	Mknod(ctx context.Context, name string, perm fs.FileMode, rdev uint64) (File, error)
}

// A Renamer is a directory whose entry old can become newname of newdir, a
// directory of the same server (often itself). An existing newname is replaced
// as rename(2) has it. 9P2000's wstat of a name comes here too, where the directory
// is no FlagRenamer: the engine has seen that newname is not there.
type Renamer interface {
	Rename(ctx context.Context, old string, newdir File, newname string) error
}

// A FlagRenamer is a Renamer that knows flags of renameat2(2), RenameNoReplace at
// least: by that 9P2000's wstat replaces nothing that comes in the last moment. With
// flags that it does not know, or whose file system does not, nothing is done: EINVAL.
type FlagRenamer interface {
	Renamer
	RenameFlags(ctx context.Context, old string, newdir File, newname string, flags uint32) error
}

// RenameNoReplace is Linux's RENAME_NOREPLACE: a newname that is there is EEXIST.
const RenameNoReplace = 1

// An Unlinker is a directory that removes its entries. dir says that the entry
// must be a directory (rmdir), else it must not be one. A directory that lacks
// it has its entries walked to and removed as Removers; a file that is no
// Remover is removed by its directory's Unlink.
type Unlinker interface {
	Unlink(ctx context.Context, name string, dir bool) error
}

// A Statfser tells of the file system that the file is on.
type Statfser interface {
	Statfs(ctx context.Context) (p9.Statfs, error)
}

// A Syncer is a Handle whose data can be put on stable storage.
type Syncer interface {
	Sync(ctx context.Context, dataOnly bool) error
}

// A Locker is a Handle with POSIX record locks. Lock with p9.LockFlagBlock may
// wait until ctx ends; without it a lock held by another is p9.LockBlocked.
// Getlock returns the lock that stands in the way, or one of type LockUnlock.
type Locker interface {
	Lock(ctx context.Context, l p9.Flock) (status uint8, err error)
	Getlock(ctx context.Context, l p9.Flock) (p9.Flock, error)
}

// An Xattrer has extended attributes. Setxattr's flags are setxattr(2)'s.
// An attribute that is not there is syscall.ENODATA.
type Xattrer interface {
	Listxattr(ctx context.Context) ([]string, error)
	Getxattr(ctx context.Context, name string) ([]byte, error)
	Setxattr(ctx context.Context, name string, value []byte, flags int) error
	Removexattr(ctx context.Context, name string) error
}
