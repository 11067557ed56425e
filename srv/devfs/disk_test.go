package devfs

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// loop makes a disk of a file and gives its name.
func loop(t *testing.T, size int64) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("loop devices need root")
	}
	ctl, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no loop devices: ", err)
	}
	defer ctl.Close()
	back, err := os.CreateTemp(t.TempDir(), "disk")
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if err := back.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for range 10 { // somebody else may take the free one
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("loop%d", n)
		dev, err := os.OpenFile("/dev/"+name, os.O_RDWR, 0)
		if err != nil {
			t.Skip("no loop devices: ", err)
		}
		err = unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_SET_FD, int(back.Fd()))
		if err == nil {
			info := &unix.LoopInfo64{Flags: unix.LO_FLAGS_PARTSCAN}
			err = unix.IoctlLoopSetStatus64(int(dev.Fd()), info)
			t.Cleanup(func() {
				unix.IoctlSetInt(int(dev.Fd()), unix.LOOP_CLR_FD, 0)
				dev.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
			return name
		}
		dev.Close()
		if err != unix.EBUSY {
			t.Skip("no loop devices: ", err)
		}
	}
	t.Skip("all loop devices are busy")
	return ""
}

// TestDisk is a real block device.
func TestDisk(t *testing.T) {
	srvtest.CheckFiles(t)
	const size = 1 << 20
	name := loop(t, size)
	srvtest.Each(t, func() srv.File { return New(Config{}) }, func(t *testing.T, root *client.Fid) {
		dir := "sd" + name
		has := func(want string) {
			t.Helper()
			if s, err := srvtest.ReadFile(t.Context(), root, dir+"/ctl"); err != nil || !strings.HasSuffix(s, want) || !strings.Contains(s, "\ngeometry 2048 512\n") {
				t.Errorf("%q, %v; want %q", s, err, want)
			}
		}
		has("\npart data 0 2048\n")
		data, err := srvtest.Open(t.Context(), root, dir+"/data", p9.ORDWR)
		if err != nil {
			t.Fatal(err)
		}
		want, got := bytes.Repeat([]byte("0123456789"), 100), make([]byte, 1000)
		if n, err := data.Write(t.Context(), want, 64*512+7); n != len(want) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := data.Read(t.Context(), got, 64*512+7); n != len(got) || err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d, %v", n, err)
		}
		if n, _ := data.Read(t.Context(), got, size-10); n != 10 {
			t.Errorf("%d bytes at the end", n)
		}
		if n, err := data.Write(t.Context(), want, size); err == nil {
			t.Errorf("%d bytes behind the end", n)
		}
		data.Clunk(t.Context()) // so that it is on the disk
		if err := srvtest.WriteFile(t.Context(), root, dir+"/ctl", "part p3 64 128"); err != nil {
			t.Fatal(err)
		}
		has("\npart data 0 2048\npart p3 64 128\n")
		if !srvtest.Until(func() bool { _, err := os.Stat("/dev/" + name + "p3"); return err == nil }) {
			t.Fatal("Linux has no file for the partition")
		}
		if s, err := srvtest.ReadFile(t.Context(), root, dir+"/p3"); err != nil || len(s) != 64*512 || s[7:1007] != string(want) {
			t.Errorf("%d bytes, %v", len(s), err)
		}
		if _, st, err := root.WalkStat(t.Context(), dir, "p3"); err != nil || st.Length != 64*512 {
			t.Errorf("%d bytes, %v", st.Length, err)
		}
		for bad, says := range map[string]string{
			"part p3 64": "usage: part name start end", "part data 0 1": "bad partition data", "part px 0 1": "bad partition px", "part p0 0 1": "bad partition p0",
			"part p4 x 1": "start x", "part p4 0 9999": "end 9999 is not from 0 to 2048", "part p4 5 5": "end 5 is not behind start 5",
			"delpart": "usage: delpart name", "delpart 3": "bad partition 3", "format": "not one of delpart, part",
		} {
			if err := srvtest.WriteFile(t.Context(), root, dir+"/ctl", bad); err == nil || !root.Conn().DotL() && !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", bad, err)
			}
		}
		if err := srvtest.WriteFile(t.Context(), root, dir+"/ctl", "part p4 100 200"); err == nil { // overlaps
			t.Error("partitions overlap")
		}
		if err := srvtest.WriteFile(t.Context(), root, dir+"/ctl", "delpart p3"); err != nil {
			t.Error(err)
		}
		has("\npart data 0 2048\n")
		if err := srvtest.WriteFile(t.Context(), root, dir+"/raw", "\x12\x00\x00\x00\x24\x00"); err != nil { // an inquiry
			t.Error(err)
		}
		if err := srvtest.WriteFile(t.Context(), root, dir+"/raw", "short"); err == nil {
			t.Error("a command of 5 bytes")
		}
		raw, err := srvtest.Open(t.Context(), root, dir+"/raw", p9.ORDWR)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Clunk(t.Context())
		if _, err := raw.Read(t.Context(), got, 0); err == nil {
			t.Errorf("data of no command: %v", err)
		}
		raw.Write(t.Context(), []byte("\x12\x00\x00\x00\x24\x00"), 0)
		if n, err := raw.Read(t.Context(), got[:36], 0); err == nil { // it is no SCSI disk
			t.Errorf("%q", got[:n])
		}
	})
}
