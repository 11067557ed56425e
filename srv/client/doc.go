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
// When a call's ctx ends, the request is flushed and the call waits for the
// server's word on it: a reply that was on its way is returned as if nothing had
// happened, so that no byte and no fid gets lost, and otherwise ctx's error is.
package client
