package p9file_test

import (
	"context"
	"log"

	"github.com/hugelgupf/p9/fsimpl/localfs"

	"ninespace/srv"
	"ninespace/srv/p9file"
)

// A server that was written on hugelgupf/p9, posted as share and served by our
// engine in both dialects.
func ExampleTree() {
	root, err := p9file.Tree(localfs.Attacher("/usr/share")) // what p9.NewServer was given
	if err != nil {
		log.Fatal(err)
	}
	l, err := srv.Post("share")
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.New(root).Serve(context.Background(), l))
}
