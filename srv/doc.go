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
package srv
