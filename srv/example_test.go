package srv_test

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
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

// squares is a directory that makes its names up: each number is a file, which reads as its
// square. Only glenda may open those from 100 on.
type squares struct{ srv.Node }

// Inline marks that nothing here ever waits.
func (*squares) Inline() {}

func (*squares) Walk(_ context.Context, name string) (srv.File, error) {
	n, err := strconv.ParseUint(name, 10, 16)
	if err != nil || name != fmt.Sprint(n) { // 07 would be a second name of 7
		return nil, p9.ErrNotExist
	}
	return square(n), nil
}

// List gives the first ten: nobody wants them all.
func (*squares) List(_ context.Context, cookie uint64) iter.Seq2[p9.Dirent, error] {
	return func(yield func(p9.Dirent, error) bool) {
		for n := cookie; n < 10; n++ {
			if !yield(p9.Dirent{Qid: square(n).qid(), Cookie: n + 1, Name: fmt.Sprint(n)}, nil) {
				return
			}
		}
	}
}

type square uint64

func (square) Inline() {}

// qid is the same at each walk. NewPath's begin at 1<<48.
func (n square) qid() p9.Qid { return p9.Qid{Path: 1 + uint64(n)} }

func (n square) Stat(context.Context) (p9.Stat, error) {
	return p9.Stat{Qid: n.qid(), Mode: 0o444}, nil
}

func (n square) Open(ctx context.Context, _ p9.Mode) (srv.Handle, error) {
	if u := srv.UserOf(ctx); n >= 100 && (u == nil || u.Name != "glenda") {
		return nil, p9.ErrPerm
	}
	return srv.Bytes(fmt.Sprintln(n * n)), nil
}

// Files that are made up as they are walked to, and who asks for them.
func ExampleWalker() {
	ctx := context.Background()
	here, there := net.Pipe()
	go srv.New(srv.NewDir().Add("square", &squares{srv.NewNode(fs.ModeDir | 0o555)})).ServeConn(ctx, there)
	c, err := client.New(ctx, here, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for _, user := range []string{"ken", "glenda"} {
		root, err := c.Attach(ctx, nil, user, "")
		if err != nil {
			log.Fatal(err)
		}
		for _, name := range []string{"12", "012", "100"} {
			text, err := client.Fsys{Root: root}.ReadFile(ctx, "square/"+name)
			fmt.Printf("%s: %q %v\n", user, text, err)
		}
	}

	// Output:
	// ken: "144\n" <nil>
	// ken: "" square/012: file does not exist
	// ken: "" square/100: permission denied
	// glenda: "144\n" <nil>
	// glenda: "" square/012: file does not exist
	// glenda: "10000\n" <nil>
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
