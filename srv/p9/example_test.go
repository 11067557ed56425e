package p9_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"ninespace/srv/p9"
)

// A message as bytes and as text.
func ExampleFcall() {
	walk := p9.Fcall{Type: p9.Twalk, Tag: 7, Fid: 1, Newfid: 2, Wname: []string{"usr", "glenda"}}
	frame, err := walk.Append(nil, false)
	fmt.Println(len(frame), err)
	var got p9.Fcall
	err = got.Decode(frame, false)
	fmt.Println(got.Text(false), err)

	// Output:
	// 30 <nil>
	// Twalk tag 7 fid 1 newfid 2 wname [usr glenda] <nil>
}

// An error is the same in either dialect, and what it is to Go.
func ExampleError() {
	told := p9.ErrorOfText("file does not exist")      // what a 9P2000 server says
	number := p9.ErrorOfNumber(uint32(syscall.ENOENT)) // what a 9P2000.L server does
	fmt.Println(errors.Is(told, fs.ErrNotExist), errors.Is(number, told), told.Number())

	// Output:
	// true true 2
}
