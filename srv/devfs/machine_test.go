package devfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/srvtest"
)

// TestMachine: what the machine is asked to do, word by word, and never by default.
func TestMachine(t *testing.T) {
	var did []string
	note := func(format string, args ...any) error { did = append(did, fmt.Sprintf(format, args...)); return nil }
	cfg := makeTree(t)
	cfg.SetTime = func(at time.Time) error { return note("time %d", at.UnixNano()) }
	cfg.Adjust = func(delta, over time.Duration) error { return note("adjust %v %v", delta, over) }
	cfg.SetName = func(name string) error { return note("name %s", name) }
	cfg.Domain = func(name string) error { return note("domain %s", name) }
	cfg.Reboot = func(word string) error { return note("%s", word) }
	eight := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	asked := []struct{ file, text, does string }{
		{"time", "1700000000\n", "time 1700000000000000000"}, {"bintime", "n" + eight(17), "time 17"},
		{"bintime", "d" + eight(-int64(time.Millisecond)) + "\x00\x00\x00\x0a", "adjust -1ms 10s"},
		{"sysname", "tehran\n", "name tehran"}, {"hostdomain", "tehran.su\n", "domain tehran.su"}, {"hostdomain", "\n", "domain "},
		{"reboot", "reboot", "reboot"}, {"reboot", "halt\n", "halt"}, {"reboot", "poweroff", "poweroff"},
		{"time", "now", ""}, {"time", "-1", ""}, {"time", "0", ""}, {"bintime", "n1234567", ""}, {"bintime", "x" + eight(1), ""}, {"bintime", "f" + eight(1), ""},
		{"sysname", "two words", ""}, {"sysname", "", ""}, {"sysname", strings.Repeat("x", 65), ""}, {"hostdomain", "two words", ""}, {"hostdomain", strings.Repeat("x", 65), ""},
		{"reboot", "reboot now", ""}, {"reboot", "Reboot", ""}, {"reboot", " reboot", ""}, {"reboot", "reboot\n\n", ""}, {"reboot", "", ""},
	}
	srvtest.Each(t, func() srv.File { return New(cfg) }, func(t *testing.T, root *client.Fid) {
		for _, a := range asked {
			did = nil
			err := srvtest.WriteFile(t.Context(), root, a.file, a.text)
			if a.text == "" && a.does == "" {
				err = errors.New("nothing was written")
			}
			if (err == nil) != (a.does != "") || strings.Join(did, ",") != a.does {
				t.Errorf("%s %q: %q, %v", a.file, a.text, did, err)
			}
		}
		err := srvtest.WriteFile(t.Context(), root, "reboot", "rebot")
		if !root.Conn().DotL() && (err == nil || !strings.Contains(err.Error(), "rebot: not one of reboot, halt, poweroff")) {
			t.Error(err)
		}
	})
	root := srvtest.Mount(t, New(makeTree(t)), true)
	for _, a := range asked {
		if err := srvtest.WriteFile(t.Context(), root, a.file, a.text); a.does != "" && !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s %q: %v", a.file, a.text, err)
		}
	}
}

// TestRights: others than the owner read, and write little.
func TestRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("another user's files need root")
	}
	ctx := srv.WithUser(t.Context(), srv.NewUser("", 65534))
	root := New(makeTree(t))
	for name, want := range map[string]string{
		"null": "rw", "time": "r", "sysname": "r", "kmesg": "", "reboot": "", "cons": "", "sda/data": "", "sda/raw": "", "sda/ctl": "",
		"leds/input::caps/brightness": "r", "hwmon/hwmon0/temp1": "r", "input/event0/event": "", "watchdog/watchdog0/ctl": "",
	} {
		f := srv.File(root)
		var err error
		for _, elem := range strings.Split(name, "/") {
			if f, err = srv.Walk(ctx, f, elem); err != nil {
				t.Fatal(name, err)
			}
		}
		st, err := f.Stat(ctx)
		if err != nil {
			t.Fatal(err)
		}
		st.Ngid = 0 // whatever group has disks here
		got := ""
		for _, m := range []struct {
			word string
			want os.FileMode
		}{{"r", 4}, {"w", 2}} {
			if srv.UserOf(ctx).Allowed(&st, m.want) {
				got += m.word
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestAttributes writes those that may be written.
func TestAttributes(t *testing.T) {
	cfg := makeTree(t)
	root := srvtest.Mount(t, New(cfg), false)
	if err := srvtest.WriteFile(t.Context(), root, "leds/input::caps/brightness", "1\n"); err != nil {
		t.Error(err)
	}
	file := cfg.Sys + "/class/leds/input::caps/brightness"
	if b, err := os.ReadFile(file); err != nil || string(b) != "1" {
		t.Errorf("%q, %v", b, err)
	}
	if err := srvtest.WriteFile(t.Context(), root, "hwmon/hwmon0/temp1", "1"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a sensor: %v", err)
	}
	if err := srvtest.WriteFile(t.Context(), root, "sysstat", "0"); err != nil {
		t.Error(err)
	}
	if s, err := srvtest.ReadFile(t.Context(), root, "sysstat"); err != nil || strings.Fields(s)[1] != "0" || strings.Fields(s)[4] != "0" {
		t.Errorf("reset: %q, %v", s, err)
	}
}

func TestWatchdog(t *testing.T) {
	cfg := makeTree(t)
	tree := New(cfg)
	root := srvtest.Mount(t, tree, false)
	const ctl = "watchdog/watchdog0/ctl"
	has := func(want string) {
		t.Helper()
		if b, err := os.ReadFile(cfg.Dev + "/watchdog0"); err != nil || string(b) != want {
			t.Errorf("%q, %v; want %q", b, err, want)
		}
	}
	if err := srvtest.WriteFile(t.Context(), root, ctl, "keepalive"); err == nil || !strings.Contains(err.Error(), "not started") {
		t.Error(err)
	}
	for _, word := range []string{"start", "start", "keepalive", "keepalive"} {
		if err := srvtest.WriteFile(t.Context(), root, ctl, word); err != nil {
			t.Error(word, err)
		}
	}
	if s, err := srvtest.ReadFile(t.Context(), root, ctl); err != nil || s != "started\n" {
		t.Errorf("%q, %v", s, err)
	}
	has("kk")
	for bad, says := range map[string]string{"timeout x": "seconds x", "timeout": "usage: timeout seconds", "start 1": "usage: start", "bark": "not one of keepalive, start, stop, timeout"} {
		if err := srvtest.WriteFile(t.Context(), root, ctl, bad); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := srvtest.WriteFile(t.Context(), root, ctl, "stop"); err != nil {
		t.Error(err)
	}
	has("kkV")
	if err := srvtest.WriteFile(t.Context(), root, ctl, "start"); err != nil {
		t.Error(err)
	}
	tree.Close()
	has("VkV") // written over from the start, as a device would not be
}

// TestListGrows: what is plugged in while a directory is read is behind the rest.
func TestListGrows(t *testing.T) {
	cfg := makeTree(t)
	tree := New(cfg)
	d, err := tree.Walk(t.Context(), "leds")
	if err != nil {
		t.Fatal(err)
	}
	list := func(cookie uint64) (names []string, last uint64) {
		for e, err := range d.(srv.Lister).List(context.Background(), cookie) {
			if err != nil {
				t.Fatal(err)
			}
			names, last = append(names, e.Name), e.Cookie
		}
		return names, last
	}
	_, last := list(0)
	if err := os.Mkdir(cfg.Sys+"/class/leds/a", 0o755); err != nil {
		t.Fatal(err)
	}
	if more, _ := list(last); !slices.Equal(more, []string{"a"}) {
		t.Errorf("%q", more)
	}
}
