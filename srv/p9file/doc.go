// Package p9file joins package srv to github.com/hugelgupf/p9, whose servers
// are trees of p9.File, and lets each serve the other's.
//
// Tree makes a srv.File of a hugelgupf server, so that our engine serves it, in
// both dialects; what stood behind p9.NewServer(a).Serve(l) is then
//
//	root, err := p9file.Tree(a)
//	if err != nil {
//		return err
//	}
//	return srv.New(root).Serve(ctx, l)
//
// Attacher makes a p9.Attacher of a tree of ours, for hugelgupf's own server and
// for programs and test suites that work on a p9.File.
//
// # Tree
//
// Methods. A p9.File has all methods there are, and says of most that it lacks
// them; a srv.File has only those that mean something. What a Tree's file can do
// goes by its type: directories are walked, listed and changed, files opened,
// symbolic links read. ENOSYS comes out as p9.ErrNotSup. As in hugelgupf's
// server, a method that panics is an error of its request, EFAULT, and no more.
//
// Names and open files. Opening opens a copy, which a Walk of no names gives, and
// the fid moves to that; so one p9.File is opened once, and one that was opened
// stays the same until its Close. Files are told by Renamed where they or a
// directory above them went, directories first. What was removed, or replaced by
// a rename, answers p9.ErrNotExist from then on, as many trees would by its name
// reach whatever has that now; open files go on. Changes that are not made
// through the Tree are not seen by this.
//
// Permissions. hugelgupf's server leaves them to the tree and so do we: all files
// are Guards. What is made is made with the number of the user who attached, or
// p9.NoUID, and with the group that the request asks for, or p9.NoGID; what a tree
// makes of that is its own affair.
//
// Concurrency. The engine calls with no lock held, hugelgupf's server with the
// guarantees that each method of p9.File documents. A Tree gives them by one lock:
// methods with a write or global guarantee run alone, those with a read guarantee
// beside each other. Without the lock, other than there, run ReadAt, WriteAt and
// FSync of a file that may make them wait (below), and Open of a pipe, a device or
// a socket: they may block for as long as they like. Such a file must therefore
// bear SetAttr, UnlinkAt and Renamed while it is read or written; most do, since
// they had to bear several reads and writes at once. Lock, Close and StatFS have no
// guarantee. Any other method that blocks holds up all changes of its tree, and
// what comes after them, until it returns.
//
// Flush. A p9.File cannot be told to stop. Where it may have to wait, in reading,
// writing and locking of what is no regular file or was empty when it was walked
// to, and in opening what is no regular file, a request that is flushed or whose
// connection ended is answered while the call goes on. What such a read brings in
// the end is kept for the next read at its offset. The clunk closes the file, which
// is all that can end the call. An open file runs, or keeps the bytes of, 1,024 such
// calls at most.
//
// Listings. A p9.File counts on being asked for a directory in one pass, and some
// give no more after a first answer whose entries did not all fit the reply. An
// open directory therefore keeps what it was given, cookies are places in that,
// and going back to the start opens the directory anew. An entry's type is its
// qid's; where that is p9.TypeAppendOnly, which pipes, sockets and character
// devices have too, the entry is looked at.
//
// Not there: 9P2000's append-only and exclusive-use files cannot be made; Getlock
// cannot be asked.
//
// # Attacher
//
// Users. A p9.File is not told who asks. All is done as one user, whom the
// context that is given to Attacher names, and with the engine's permission
// checks. The uid that Create and its like are given is not looked at, as it is
// whatever the client says; the gid is, as in 9P2000.L, what is asked for.
//
// Blocking. hugelgupf's server holds locks while a method runs: a blocked read and
// a rename freeze it. It neither cancels a request that is flushed nor one whose
// connection ended. What blocks here ends when its file is closed and when the
// Attacher's context ends. So that nothing waits for long, Lock never waits for a
// lock that it cannot have but answers p9.LockStatusBlocked, on which clients ask
// again.
//
// Open files. The same p9.File goes on after Open, also where opening moves a fid
// to another file, as that of a clone file does: GetAttr then tells of that one.
// Create is exclusive, as hugelgupf's localfs and its test suite have it, and
// UnlinkAt looks at AT_REMOVEDIR as unlinkat(2) does. A directory entry's Type is
// the d_type that Linux's client takes it for; its QID is the one that a walk
// gives, for which a listing that lacks versions is looked up entry by entry.
//
// Close. hugelgupf's server closes a file once more for each extended attribute,
// or list of them, that was read (the fid that holds the value closes the file it
// was read from, which is then still in use). A file here expects that: GetXattr
// and ListXattrs that succeed each ask for one more Close.
package p9file
