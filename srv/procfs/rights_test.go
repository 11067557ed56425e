package procfs

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

func TestRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("running as another user needs root")
	}
	const nobody = 65534
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	start(t, cmd)
	root := tree(t)()
	for _, c := range []struct {
		who  *srv.User
		file string
		pid  int
		mode p9.Mode
		ok   bool
	}{
		{srv.NewUser("", nobody), "fd", cmd.Process.Pid, p9.OREAD, true},
		{srv.NewUser("", nobody), "note", cmd.Process.Pid, p9.OWRITE, true},
		{srv.NewUser("", nobody), "status", os.Getpid(), p9.OREAD, true},
		{srv.NewUser("", nobody), "fd", os.Getpid(), p9.OREAD, false},
		{srv.NewUser("", nobody), "ctl", os.Getpid(), p9.OWRITE, false},
		{srv.NewUser("", nobody), "status", cmd.Process.Pid, p9.OWRITE, false},
		{srv.NewUser("stranger", p9.NoUid), "note", cmd.Process.Pid, p9.OWRITE, false},
		{srv.NewUser("", 0), "note", cmd.Process.Pid, p9.OWRITE, true},
		{srv.NewUser("", 0), "status", cmd.Process.Pid, p9.OWRITE, false},
	} {
		ctx := srv.WithUser(t.Context(), c.who)
		d, err := srv.Walk(ctx, root, strconv.Itoa(c.pid))
		if err != nil {
			t.Fatal(err)
		}
		f, err := srv.Walk(ctx, d, c.file)
		if err != nil {
			t.Fatal(err)
		}
		h, err := srv.Open(ctx, f, c.mode)
		if c.ok && err != nil || !c.ok && err != p9.ErrPerm {
			t.Errorf("%s opens %s of %d: %v", c.who.Name, c.file, c.pid, err)
		}
		srv.Clunk(h)
		if st, err := d.Stat(ctx); err != nil || c.pid == cmd.Process.Pid && st.Nuid != nobody {
			t.Errorf("owner %d, %v", st.Nuid, err)
		}
	}
}

// TestRightsLater: what was opened while it was allowed is refused when it is no more.
func TestRightsLater(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("running as another user needs root")
	}
	const nobody = 65534
	self, err := os.Open("/proc/self/exe") // which another user finds nowhere else
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd := exec.Command("/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = []string{waitEnv + "=" + secret}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	says := bufio.NewScanner(out)
	if !says.Scan() {
		t.Fatal(says.Err())
	}
	ctx := srv.WithUser(t.Context(), srv.NewUser("", nobody))
	d, err := srv.Walk(ctx, newTree(t), strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"ctl": "nice 19", "note": "cont", "notepg": "cont"}
	handles := map[string]srv.Handle{}
	for name, text := range texts {
		f, err := srv.Walk(ctx, d, name)
		if err != nil {
			t.Fatal(err)
		}
		h, err := srv.Open(ctx, f, p9.OWRITE)
		if err != nil {
			t.Fatal(err)
		}
		defer srv.Clunk(h)
		handles[name] = h
		if _, err := h.(srv.Writer).Write(ctx, []byte(text), 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	in.Close()
	if !says.Scan() || says.Text() != secret {
		t.Fatal(says.Text(), says.Err())
	}
	for name, h := range handles {
		if _, err := h.(srv.Writer).Write(ctx, []byte(texts[name]), 0); !errors.Is(err, p9.ErrPerm) {
			t.Errorf("%s of a secret process: %v", name, err)
		}
	}
}

// TestVerbRights: what a user may not do to his own process, root does not do for him.
func TestVerbRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("running as another user needs root")
	}
	const nobody = 65534
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	start(t, cmd)
	ctx := srv.WithUser(t.Context(), srv.NewUser("", nobody))
	d, err := tree(t)().(srv.Walker).Walk(ctx, strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	ctl, err := srv.Walk(ctx, d, "ctl")
	if err != nil {
		t.Fatal(err)
	}
	h, err := srv.Open(ctx, ctl, p9.OWRITE)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Clunk(h)
	// Linux has not even root set these of others, without CAP_SYS_RESOURCE.
	limits := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil) == nil
	for _, c := range []struct {
		cmd string
		ok  bool
	}{
		{"nice 19", true}, {"nice 18", false}, {"pri 10", false}, {"limit nofile 64", true}, {"limit nofile 65", false},
		{"limit nofile 10:64", true}, {"limit pids 5", false}, {"wired 0", true}, {"stop", true}, {"kill", true},
	} {
		if _, err := h.(srv.Writer).Write(ctx, []byte(c.cmd), 0); (err == nil) != (c.ok && (limits || !strings.HasPrefix(c.cmd, "limit"))) {
			t.Errorf("%s: %v", c.cmd, err)
		}
	}
}

// TestOwnRights: a process that has become another's since ctl looked is made to do nothing.
func TestOwnRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("running as another user needs root")
	}
	cmd := start(t, exec.Command("sleep", "1000"))
	ctx := srv.WithUser(t.Context(), srv.NewUser("", 65534))
	d, err := srv.Walk(ctx, newTree(t), strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	ctl, err := srv.Walk(ctx, d, "ctl")
	if err != nil {
		t.Fatal(err)
	}
	f := ctl.(*file)
	for name, verb := range map[string]func(*file, context.Context, []string) error{
		"close": (*file).closeFd, "noswap": (*file).noswap, "private": (*file).private, "closefiles": (*file).closeFiles,
	} {
		if err := verb(f, ctx, []string{"0"}); err != p9.ErrPerm && err != p9.ErrNotSup {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Lstat("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/fd/0"); err != nil {
		t.Error(err)
	}
}
