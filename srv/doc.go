// Package srv serves trees of files over 9P, in both dialects on one socket.
//
// A server is a tree of Files. What a File must have is one method, Stat; what
// it can do is told by further one-method interfaces (io/fs is the model), and a
// file need not know which dialect asks. The engine does the rest, once for
// every server: fids, tags, walks, permission checks, directory offsets, flush.
//
//	root := srv.NewDir().Add("hello", srv.Const("hello, world\n"))
//	l, err := srv.Announce("unix!/tmp/hello")
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(srv.New(root).Serve(ctx, l))
//
// The kit (Dir, Text, Const, Cmds, Stream, Clone, Queue) has the files that most
// servers are made of.
//
// Packages srv, client, p9, p9file, envfs and rootfs are for Linux, macOS and FreeBSD; the other
// servers are for Linux alone.
//
// # Compatibility
//
// What packages srv, srv/client and srv/p9 export stays as it is from one release to the
// next, until the first number of the version changes: go run ./test -n compares. New
// optional interfaces of files, new fields of structs and new functions may come, so write
// the names of fields in literals. Texts of errors may change where no name in package
// p9 stands for them; what goes over the wire is 9P's, and does not.
package srv
