package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestCpuOwn: what is yours here is yours there too, whatever your number is there, and what
// is made there is yours here.
func TestCpuOwn(t *testing.T) {
	f := newFleet(t)
	f.serve()
	f.write("mine", "mine\n")
	os.Chmod(filepath.Join(f.dir, "mine"), 0o600)
	out, errs, code := f.cpu("-d", "/mnt/term"+f.dir, "sh", "-ec", `cat mine; test -O mine; test -w mine; echo more >>mine
		mkdir d; echo new >d/new; chmod 640 d/new; mv d/new d/other; ln -s other d/link; cat d/link; stat -c %U d/other; rm -r d; echo x >left`)
	if out != "mine\nnew\nglenda\n" || errs != "" || code != 0 {
		t.Errorf("%q, %q, %d", out, errs, code)
	}
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(f.dir, "left"), &st); err != nil || int(st.Uid) != os.Geteuid() {
		t.Error(err, st.Uid)
	}
	if got := f.read("mine"); got != "mine\nmore\n" {
		t.Errorf("%q", got)
	}
}
