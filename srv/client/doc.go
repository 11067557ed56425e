// Package client is the other half of package srv: it speaks to any 9P server,
// in either dialect, over any byte stream.
//
// A Conn carries the requests of any number of goroutines at once. A Fid is the
// client's hold on one file of the server; its methods are 9P's messages, with
// what one dialect lacks made up from what it has. Fsys has whole paths, and an
// io/fs.FS for programs that read files.
//
//	c, err := client.Dial(ctx, "tcp!fs!564", nil)
//	root, err := c.Attach(ctx, nil, "", "")
//	b, err := client.Fsys{Root: root}.ReadFile(ctx, "lib/profile")
//
// # Round trips
//
// A call sends all it can before the first reply comes: ReadFile walk, open, read
// and stat; WriteFile walk, create, write and clunk. What was sent behind a request
// that fails meets a fid that is not there, and does nothing. That takes a server
// that does requests of a fid in the order in which they come, and says so when it
// is asked for its version (p9.InOrder), as ours do; others get one request at a
// time from each call.
//
// ReadAt and Write move what is longer than a message by up to 16 parallel ones.
// A program that moves a file in small pieces can have the same by asking for it:
//
//	f, err := fsys.Open(ctx, "big", p9.OREAD)
//	f.ReadAhead(1 << 20) // bytes; WriteBehind for writes, whose errors Close tells at the latest
//	io.Copy(w, f)
//
// All three are only for files whose bytes stay where they are. Of streams and of
// files that are made up as they are read, which a server shows by a qid.vers of 0,
// and of those that are only appended to or exclusive, one request is under way at
// a time, and no byte is asked for before it is wanted.
//
// # Contexts
//
// When a call's ctx ends, its requests are flushed and the call waits for the
// server's word on them: a reply that was on its way is returned as if nothing had
// happened, so that no byte and no fid gets lost, and otherwise ctx's error is. From a
// server that has taken nothing for two seconds, or said nothing for ten, no word is
// waited for: the call ends, what is still to be sent of it is sent when the server
// goes on, and replies to it are dropped. Where the server fell silent in the middle of
// its reply, over a stream without SetReadDeadline, the connection ends with it. A
// tag is used again only after its reply and, where it was flushed, Rflush.
//
// What is exported here keeps the promise of package srv.
package client
