package client_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"strings"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// library is a connection to a server of some files.
func library(ctx context.Context) *client.Conn {
	here, there := net.Pipe()
	root := srv.NewDir().Add("motd", srv.Const("be bold\n")).
		Add("long", srv.Const(strings.Repeat("all work and no play\n", 100_000)))
	go srv.New(root).ServeConn(ctx, there)
	c, err := client.New(ctx, here, nil) // for a posted server, or one on the network: Dial
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// Whole files by their names, and what they are not found with.
func Example() {
	ctx := context.Background()
	c := library(ctx)
	defer c.Close()
	root, err := c.Attach(ctx, nil, "glenda", "")
	if err != nil {
		log.Fatal(err)
	}
	files := client.Fsys{Root: root}
	text, err := files.ReadFile(ctx, "motd")
	fmt.Print(string(text), err, "\n")
	_, err = files.ReadFile(ctx, "nothing")
	fmt.Println(err)

	names, err := fs.Glob(files.FS(ctx), "*") // any program of io/fs
	fmt.Println(names, err)

	// Output:
	// be bold
	// <nil>
	// nothing: file does not exist
	// [long motd] <nil>
}

// A file read in order and in small pieces, of which several are always under way.
func ExampleFile_ReadAhead() {
	ctx := context.Background()
	c := library(ctx)
	defer c.Close()
	root, err := c.Attach(ctx, nil, "glenda", "")
	if err != nil {
		log.Fatal(err)
	}
	f, err := client.Fsys{Root: root}.Open(ctx, "long", p9.OREAD)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	f.ReadAhead(1 << 20) // bytes
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 8<<10))
	fmt.Println(n, err)

	// Output:
	// 2100000 <nil>
}
