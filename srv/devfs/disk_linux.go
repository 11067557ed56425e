package devfs

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A disk is one of /sys/block.
type disk struct {
	f         *FS
	name, sys string // Linux's name, its directory
}

// disks lists those that have something in them.
func (f *FS) disks() []entry {
	var all []entry
	for _, name := range names(filepath.Join(f.cfg.Sys, "block")) {
		d := &disk{f, name, filepath.Join(f.cfg.Sys, "block", name)}
		if number(d.sys, "size") == 0 {
			continue
		}
		shown := name
		if !strings.HasPrefix(name, "sd") {
			shown = "sd" + name
		}
		all = append(all, entry{name: shown, mode: fs.ModeDir | 0o555, ents: d.ents})
	}
	return all
}

// number reads a file of sysfs that is one.
func number(dir, name string) int64 {
	n, _ := strconv.ParseInt(line(filepath.Join(dir, name)), 10, 64)
	return n
}

// sector is the size that sysfs counts in.
const sector = 512

// A part is a piece of a disk, in bytes; 0 is all of it.
type part struct {
	number     int
	dev        string // Linux's name
	start, end int64
}

func (d *disk) parts() []part {
	all := []part{{dev: d.name, end: number(d.sys, "size") * sector}}
	for _, name := range names(d.sys) {
		if n := int(number(d.sys, name+"/partition")); n > 0 {
			start := number(d.sys, name+"/start") * sector
			all = append(all, part{n, name, start, start + number(d.sys, name+"/size")*sector})
		}
	}
	return all
}

func (p part) name() string {
	if p.number == 0 {
		return "data"
	}
	return "p" + strconv.Itoa(p.number)
}

func (d *disk) ents() []entry {
	all := []entry{
		{name: "ctl", mode: 0o640, open: d.openCtl, attr: d.group(d.name, 0)},
		{name: "raw", mode: 0o600, open: d.openRaw},
	}
	for _, p := range d.parts() {
		all = append(all, entry{name: p.name(), mode: 0o640, attr: d.group(p.dev, p.end-p.start),
			open: func(_ context.Context, mode p9.Mode) (srv.Handle, error) { return d.open(p.dev, mode) }})
	}
	return all
}

// group has a file be of the group that the device is of, and so long.
func (d *disk) group(dev string, length int64) func(*p9.Stat) {
	return func(st *p9.Stat) {
		st.Length = uint64(max(length, 0))
		var s unix.Stat_t
		if unix.Stat(filepath.Join(d.f.cfg.Dev, dev), &s) == nil {
			st.Ngid = s.Gid
		}
	}
}

// ctl reads as sd(3) has it.
func (d *disk) ctl() string {
	size := d.sectorSize()
	var b strings.Builder
	fmt.Fprintf(&b, "inquiry %s\n", strings.Join(strings.Fields(line(d.sys+"/device/vendor")+" "+line(d.sys+"/device/model")+" "+d.name), " "))
	b.WriteString("config")
	for _, c := range []struct{ word, file string }{{"removable", "removable"}, {"readonly", "ro"}, {"rotational", "queue/rotational"}} {
		if number(d.sys, c.file) != 0 {
			b.WriteString(" " + c.word)
		}
	}
	parts := d.parts()
	fmt.Fprintf(&b, "\ngeometry %d %d\n", parts[0].end/size, size)
	for _, p := range parts {
		fmt.Fprintf(&b, "part %s %d %d\n", p.name(), p.start/size, p.end/size)
	}
	return b.String()
}

func (d *disk) sectorSize() int64 {
	if n := number(d.sys, "queue/logical_block_size"); n > 0 {
		return n
	}
	return sector
}

func (d *disk) openCtl(_ context.Context, mode p9.Mode) (srv.Handle, error) {
	return srv.Open(context.Background(), srv.Cmds(0o640, func(context.Context) (string, error) { return d.ctl(), nil },
		map[string]func(context.Context, []string) error{"part": d.addPart, "delpart": d.delPart}), mode)
}

func partNumber(s string) (int, error) {
	digits, ok := strings.CutPrefix(s, "p")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 1 || n > 255 {
		return 0, invalid("bad partition %s: p and a number is wanted", srv.Quote(s))
	}
	return n, nil
}

func (d *disk) addPart(_ context.Context, args []string) error {
	if len(args) != 3 {
		return invalid("usage: part name start end")
	}
	n, err := partNumber(args[0])
	if err != nil {
		return err
	}
	all := d.parts()[0].end / d.sectorSize()
	var at [2]int64
	for i, what := range []string{"start", "end"} {
		if at[i], err = strconv.ParseInt(args[i+1], 10, 64); err != nil || at[i] < 0 || at[i] > all {
			return invalid("%s %s is not from 0 to %d", what, srv.Quote(args[i+1]), all)
		}
	}
	if at[0] >= at[1] {
		return invalid("end %d is not behind start %d", at[1], at[0])
	}
	return d.partition(unix.BLKPG_ADD_PARTITION, n, at[0]*d.sectorSize(), at[1]*d.sectorSize())
}

func (d *disk) delPart(_ context.Context, args []string) error {
	if len(args) != 1 {
		return invalid("usage: delpart name")
	}
	n, err := partNumber(args[0])
	if err != nil {
		return err
	}
	return d.partition(unix.BLKPG_DEL_PARTITION, n, 0, 0)
}

// partition changes what Linux takes for one, linux/blkpg.h.
func (d *disk) partition(op, n int, start, end int64) error {
	dev, err := os.OpenFile(filepath.Join(d.f.cfg.Dev, d.name), os.O_RDWR, 0)
	if err != nil {
		return cause(err)
	}
	defer dev.Close()
	p := unix.BlkpgPartition{Start: start, Length: end - start, Pno: int32(n)}
	arg := unix.BlkpgIoctlArg{Op: int32(op), Datalen: int32(unsafe.Sizeof(p)), Data: (*byte)(unsafe.Pointer(&p))}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, dev.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg))); e != 0 {
		return e
	}
	return nil
}

// A blockHandle is data or a partition, open.
type blockHandle struct {
	f       *os.File
	written atomic.Bool
}

func (d *disk) open(dev string, mode p9.Mode) (srv.Handle, error) {
	flags := map[bool]int{false: os.O_RDONLY, true: os.O_RDWR}[mode.Writable()]
	f, err := os.OpenFile(filepath.Join(d.f.cfg.Dev, dev), flags|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, cause(err)
	}
	return &blockHandle{f: f}, nil
}

// Descriptor marks that it holds one.
func (h *blockHandle) Descriptor() {}

// Clunk closes it. What was written is on the disk then: Linux keeps a disk's bytes and
// those of its partitions apart.
func (h *blockHandle) Clunk() {
	if h.written.Load() {
		h.f.Sync()
	}
	h.f.Close()
}

func (h *blockHandle) Read(_ context.Context, p []byte, off int64) (int, error) {
	n, err := h.f.ReadAt(p, off)
	if n > 0 || err == io.EOF {
		return n, nil
	}
	return 0, cause(err)
}

func (h *blockHandle) Write(_ context.Context, p []byte, off int64) (int, error) {
	h.written.Store(true)
	n, err := h.f.WriteAt(p, off)
	if n > 0 {
		return n, nil
	}
	return 0, cause(err)
}

func (d *disk) openRaw(context.Context, p9.Mode) (srv.Handle, error) {
	h, err := d.open(d.name, p9.ORDWR)
	if err != nil {
		return nil, err
	}
	return &rawHandle{blockHandle: h.(*blockHandle)}, nil
}
