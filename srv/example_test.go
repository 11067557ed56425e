package srv_test

import (
	"context"
	"log"

	"ninespace/srv"
)

func Example() {
	root := srv.NewDir().Add("hello", srv.Const("hello, world\n"))
	l, err := srv.Post("hello") // $NAMESPACE/hello
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.New(root).Serve(context.Background(), l))
}
