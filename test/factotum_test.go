package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// TestFactotumMemory: nobody but root looks into a factotum, another process of the same
// user neither, and it dumps no core, though it be allowed to.
func TestFactotumMemory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be two other users")
	}
	nine := binary(t)
	dir, err := os.MkdirTemp("/tmp", "9f.")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(nine) // where others reach it
	if err != nil {
		t.Fatal(err)
	}
	nine = filepath.Join(dir, "nine")
	if err := os.WriteFile(nine, text, 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody, daemon = 65534, 1
	as := func(uid uint32, args ...string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NAMESPACE=" + filepath.Join(dir, "ns")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd
	}
	f := as(nobody, "sh", "-c", "ulimit -c unlimited; exec "+nine+" factotum")
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	defer f.Process.Kill()
	sock := "unix!" + filepath.Join(dir, "ns/factotum")
	var c *client.Conn
	if !srvtest.Until(func() bool { c, err = client.Dial(t.Context(), sock, nil); return err == nil }) {
		t.Fatal(err)
	}
	defer c.Close()
	root, err := c.Attach(t.Context(), nil, "nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	say := func(name, text string) string {
		t.Helper()
		g, err := root.WalkOpen(t.Context(), p9.ORDWR, name)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Clunk(t.Context())
		p := make([]byte, 1000)
		var out strings.Builder
		for line := range strings.SplitSeq(text, "\n") {
			if _, err := g.Write(t.Context(), []byte(line), 0); err != nil {
				t.Fatal(err)
			}
			if name == "rpc" {
				n, err := g.Read(t.Context(), p, 0)
				if err != nil {
					t.Fatal(err)
				}
				out.Write(p[:n])
			}
		}
		return out.String()
	}
	say("ctl", "key proto=cram user=u !password=sesame-open")
	if got := say("rpc", "start proto=cram role=client\nwrite <1@x>\nread\nread"); !strings.HasPrefix(got, "okokok uok ") {
		t.Fatalf("the key is of no use: %q", got)
	}
	proc := "/proc/" + strconv.Itoa(f.Process.Pid)
	for _, uid := range []uint32{nobody, daemon} {
		for _, name := range []string{"mem", "environ", "maps"} {
			if out, err := as(uid, "dd", "if="+proc+"/"+name, "bs=1", "count=1").CombinedOutput(); err == nil || !strings.Contains(string(out), "Permission denied") {
				t.Errorf("%s of factotum by user %d: %v: %s", name, uid, err, out)
			}
		}
	}
	if limits, err := os.ReadFile(proc + "/limits"); err != nil || !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0 bytes") {
		t.Errorf("limits: %s, %v", limits, err)
	}
	for _, name := range []string{"environ", "cmdline"} {
		if b, err := os.ReadFile(proc + "/" + name); err != nil || strings.Contains(string(b), "sesame") {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	f.Process.Signal(syscall.SIGABRT)
	f.Wait()
	if ws, ok := f.ProcessState.Sys().(syscall.WaitStatus); ok && ws.CoreDump() {
		t.Error("it dumped core")
	}
	ents, err := filepath.Glob(dir + "/*core*")
	if err != nil || len(ents) > 0 {
		t.Errorf("%v, %v", ents, err)
	}
}
