package srv

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"ninespace/srv/p9"
)

// A File is a node of a served tree: a directory, a file, a symbolic link, a
// device. Stat is all that is required; a file can do more by having the
// methods of the interfaces below, each found by a type assertion.
//
// The engine holds one File for each fid (fids cloned by a walk of no names
// share it) and calls its methods from many goroutines at once, with no lock
// held. ctx ends when the request is flushed or the connection is gone; a
// method that blocks must then return, with any error. UserOf(ctx) tells who asks.
// A panic in a method ends the process: nobody could say what it left undone.
//
// Errors are turned into wire form by p9.ErrorOf: return the p9 package's
// errors, a syscall.Errno, or either wrapped.
type File interface {
	// Stat tells the file's attributes. Name may be left empty.
	Stat(ctx context.Context) (p9.Stat, error)
}

// A Walker is a directory. The engine has checked that name is not "", "." or
// "..", has no slash or NUL, and that the user may search the directory.
// A name that is not there is p9.ErrNotExist; without an error there is a File. One that is
// made anew at each Walk has the same Qid.Path each time, which is what tells files apart: a
// Node, which gets a new one when it is made, is then not for it.
type Walker interface {
	File
	Walk(ctx context.Context, name string) (File, error)
}

// A QidWalker is a Walker that tells the qid of what it found, which saves asking that
// for its attributes: all that walk(5)'s answer needs of them.
type QidWalker interface {
	Walker
	WalkQid(ctx context.Context, name string) (File, p9.Qid, error)
}

// A Lister is a directory that can be read. List yields the entries after the
// one whose Cookie is given, in a stable order, from the start for 0; "." and
// ".." are left out. The engine stops the iteration when its reply is full and
// calls again with the last Cookie, so a directory that changes meanwhile must
// neither lose nor repeat an entry that stays. An error ends the listing.
// Where opening gives a Handle that is a Lister, that one is asked.
type Lister interface {
	List(ctx context.Context, cookie uint64) iter.Seq2[p9.Dirent, error]
}

// An Opener can be opened. Mode and permissions have been checked, unless the
// file is a Guard; OTRUNC is the file's to do. A file without Open opens to
// itself: its own Read and Write are used.
type Opener interface {
	Open(ctx context.Context, mode p9.Mode) (Handle, error)
}

// A Handle is an open file: Reader, Writer, Lister, Clunker or several of them.
// Where it is also a File, the fid moves to it (a clone file opens to the ctl
// file of a new conversation).
type Handle any

// A Reader gives the bytes at an offset. io.EOF and 0 bytes both mean the end.
// It may return fewer bytes than asked. A Read that ends because ctx did must
// not have consumed anything.
type Reader interface {
	Read(ctx context.Context, p []byte, off int64) (int, error)
}

// A Pager is a Reader, of an Inline Handle, whose bytes are those of a file of the
// machine. Pages gives its descriptor, good until the Handle is clunked, and says how
// many of the n bytes at off, fewer only at the file's end, sendfile(2) gives without
// waiting; 0 has Read asked. It serves long reads, by the file's own pages: what is
// written to these until the client takes the reply may be in it, as with any read that
// a write overlaps, and what is cut off the file meanwhile may read as zeros.
type Pager interface {
	Reader
	Pages(off int64, n int) (fd, have int)
}

// A Splicer is a Reader, of an Inline Handle, whose bytes come by a socket or another
// file that splice(2) takes them from without a copy. Splice moves up to n of them to
// the pipe, without waiting, and says how many; 0 has Read asked. It serves long reads.
type Splicer interface {
	Reader
	Splice(pipe, n int) int
}

// A Waiter is a Reader whose bytes are not there before somebody sends them. Wait returns once there
// are some, or Read has an error to tell; it takes nothing. A Read that may block has been preceded by
// it, so that one which waits for long holds no memory for what is to come.
type Waiter interface {
	Reader
	Wait(ctx context.Context) error
}

// A Writer takes the bytes at an offset and says how many it took. p is the
// engine's again when Write returns.
type Writer interface {
	Write(ctx context.Context, p []byte, off int64) (int, error)
}

// A Clunker is told, once, that the fid which held it is gone and the last
// request on it has returned. It goes for each File that Attach, Walk or Create
// gave and for each Handle.
type Clunker interface{ Clunk() }

// A Creator is a directory in which files can be made. perm has fs.ModeDir for a
// directory and, in 9P2000, fs.ModeAppend, ModeExclusive, ModeTemporary. The new
// file comes back open in the mode. An existing name is p9.ErrExist when it is a
// directory, when perm asks for one, or when mode has OEXCL; otherwise the file
// is opened and truncated where mode says OTRUNC, as create(2) has it: its own
// permissions are Create's to check, for the engine asked for the directory's only.
type Creator interface {
	Create(ctx context.Context, name string, perm fs.FileMode, mode p9.Mode) (File, Handle, error)
}

// A Remover can be removed. The engine has checked write permission in its
// directory.
type Remover interface {
	Remove(ctx context.Context) error
}

// A Wstater can have its attributes changed: all that w.Valid names or none.
// w.Valid == 0 asks for stable storage. WName does not come where the directory
// is a Renamer.
type Wstater interface {
	Wstat(ctx context.Context, w p9.Wstat) error
}

// An Inline file's methods never block, or not for long: they run on the
// goroutine that reads the connection, which saves a switch a request. There
// Nonblock(ctx) holds, and a method that would have to wait (for a disk, say)
// returns ErrAgain, having done nothing; it is then called once more on a
// goroutine of its own, where it may.
type Inline interface{ Inline() }

// An Ordered handle is a stream: the reads through a fid of it are done one at a time, in
// the order in which they came, and so are the writes, beside each other. So a client may
// have several on their way. Without it requests that may block are done in any order.
type Ordered interface{ Ordered() }

// A Descriptor is a File or Handle that holds a descriptor of the process until it
// is clunked. Each connection may have its share of those: see Server.Descriptors.
type Descriptor interface{ Descriptor() }

// ErrAgain is what an Inline file's method returns where Nonblock(ctx) holds and
// it would have to wait.
var ErrAgain = errors.New("would block")

type nonblockKey struct{}

// Nonblock reports whether a method runs on the goroutine that reads the
// connection, so that it must not wait: see Inline.
func Nonblock(ctx context.Context) bool { return ctx.Value(nonblockKey{}) != nil }

// WithNonblock makes a ctx in which Nonblock holds, for calls made in-process. What it is
// given to is to be Inline.
func WithNonblock(ctx context.Context) context.Context {
	return context.WithValue(ctx, nonblockKey{}, true)
}

// An Attacher is a root that is told who attaches (UserOf(ctx)) and by which
// attach name, attach(5), and gives the tree for that, or an error that refuses.
// A root without it is the tree for everybody, by the name "" or "/".
type Attacher interface {
	Attach(ctx context.Context, aname string) (File, error)
}

// A Guard checks permissions itself (as the kernel does for a real directory),
// so that the engine does not.
type Guard interface{ Guard() }

// An AuthFile is the server's end of an authentication conversation, attach(5).
// The client reads and writes it through the afid. Check is asked by the attach
// that presents the afid, and says whether the conversation has proved uname.
type AuthFile interface {
	Reader
	Writer
	Check(ctx context.Context, uname, aname string) error
}
