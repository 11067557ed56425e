package srv_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"strconv"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// A server of one file, in ten lines. It stays; nine 9p read hello/hello reads it.
func Example() {
	root := srv.NewDir().Add("hello", srv.Const("hello, world\n"))
	l, err := srv.Post("hello") // $NAMESPACE/hello
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(srv.New(root).Serve(context.Background(), l))
}

// Conversations, as ip(3) has them: who opens clone has a directory, until he closes. In
// each, ctl takes "add number ..." and sum reads as what has come of it.
func ExampleClone() {
	adders := srv.NewClone(func(ctx context.Context, n int) (*srv.Dir, error) {
		sum := 0 // of this conversation; its requests come one after the other here
		number := func(context.Context) (string, error) { return strconv.Itoa(n), nil }
		ctl := srv.Cmds(0o666, number, map[string]func(context.Context, []string) error{
			"add": func(_ context.Context, args []string) error {
				for _, a := range args {
					n, err := strconv.Atoi(a)
					if err != nil {
						return p9.NewError(p9.ErrBadMode.Errno, a+": not a number")
					}
					sum += n
				}
				return nil
			},
		})
		value := srv.Text(0o444, func(context.Context) (string, error) { return fmt.Sprintln(sum), nil })
		return srv.NewDir().Add("ctl", ctl).Add("sum", value), nil
	})

	ctx := context.Background()
	here, there := net.Pipe()
	go srv.New(srv.NewDir().Add("adder", adders)).ServeConn(ctx, there)
	c, err := client.New(ctx, here, &client.Options{Version: p9.Version9P2000}) // whose errors are texts
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(ctx, nil, "glenda", "")
	if err != nil {
		log.Fatal(err)
	}
	files := client.Fsys{Root: root}
	ctl, err := files.Open(ctx, "adder/clone", p9.ORDWR)
	if err != nil {
		log.Fatal(err)
	}
	defer ctl.Close()
	fmt.Fprint(ctl, "add 1 2 39")
	sum, err := files.ReadFile(ctx, "adder/0/sum")
	fmt.Print(string(sum), err, "\n")
	_, err = fmt.Fprint(ctl, "add two")
	fmt.Println(err)

	// Output:
	// 42
	// <nil>
	// write adder/clone: add two: two: not a number
}
