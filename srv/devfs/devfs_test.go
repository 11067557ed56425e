package devfs

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// made is a tree of what Linux would have of each device.
var made = map[string]string{
	"sys/block/sda/size": "2048", "sys/block/sda/ro": "0", "sys/block/sda/removable": "1", "sys/block/sda/queue/logical_block_size": "512",
	"sys/block/sda/device/vendor": "ACME    ", "sys/block/sda/device/model": "Disk  1 ",
	"sys/block/sda/sda2/partition": "2", "sys/block/sda/sda2/start": "64", "sys/block/sda/sda2/size": "128",
	"sys/block/vdb/size": "4096", "sys/block/vdb/queue/logical_block_size": "4096",
	"sys/block/loop0/size": "0",

	"sys/class/hwmon/hwmon0/name": "coretemp\n", "sys/class/hwmon/hwmon0/temp1_input": "45500\n", "sys/class/hwmon/hwmon0/temp1_label": "Core 0\n",
	"sys/class/hwmon/hwmon0/temp1_max": "100000\n", "sys/class/hwmon/hwmon0/fan1_input": "1200\n", "sys/class/hwmon/hwmon0/in0_input": "1023\n",
	"sys/class/hwmon/hwmon0/power1_input": "12345678\n", "sys/class/hwmon/hwmon0/pwm1": "128\n", "sys/class/hwmon/hwmon0/uevent": "secret\n",
	"sys/class/leds/input::caps/brightness": "0\n", "sys/class/leds/input::caps/max_brightness": "1\n", "sys/class/leds/input::caps/trigger": "[none] kbd\n",
	"sys/class/gpio/gpiochip0/label": "pins\n", "sys/class/gpio/gpio4/value": "1\n",
	"sys/class/rtc/rtc0/since_epoch": "1700000000\n", "sys/class/rtc/rtc0/wakealarm": "\n",
	"sys/class/thermal/thermal_zone0/temp": "30000\n", "sys/class/thermal/thermal_zone0/type": "acpitz\n",
	"sys/class/power_supply/BAT0/capacity": "97\n", "sys/class/power_supply/BAT0/voltage_now": "12100000\n", "sys/class/power_supply/BAT0/status": "Full\n",
	"sys/class/input/event0/device/name": "Keys\n", "sys/class/input/mouse0/device/name": "Mouse\n",
	"sys/class/watchdog/watchdog0/identity": "Dog\n",
	"sys/bus/usb/devices/usb1/product":      "Hub\n", "sys/bus/usb/devices/usb1/authorized": "1\n",
	"sys/bus/usb/devices/usb1/1-1/product": "Hub 2\n", "sys/bus/usb/devices/usb1/1-1/1-1.4/idVendor": "1d6b\n", "sys/bus/usb/devices/usb1/1-1/1-1:1.0/x": "",
	"sys/bus/usb/devices/1-1/product": "Hub 2\n",

	"proc/sys/kernel/hostname": "kremvax\n", "proc/sys/kernel/ostype": "Linux\n", "proc/sys/kernel/osrelease": "6.1\n", "proc/sys/kernel/version": "#1\n",
	"proc/sys/kernel/domainname": "tehran.su\n",
	"proc/devices":               "Character devices:\n  1 mem\n  4 /dev/vc/0\n\nBlock devices:\n  7 loop\n",
	"proc/meminfo":               "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nSlab: 80 kB\nSUnreclaim: 40 kB\nKernelStack: 20 kB\nPageTables: 20 kB\nSwapTotal: 400 kB\nSwapFree: 300 kB\n",
	"proc/stat":                  "cpu  2 0 2 14 0 1 1 0 0 0\ncpu0 1 0 1 6 0 1 1 0 0 0\ncpu1 1 0 1 8 0 0 0 0 0 0\nctxt 99\n",
	"proc/interrupts":            "      CPU0 CPU1\n  1:  10  20 x  i8042\nTLB:  3 4 TLB shootdowns\nERR: 0\n",
	"proc/schedstat":             "version 15\ncpu0 1 0 50 3 4 5 6 7 8\ncpu1 1 0 60 3 4 5 6 7 8\n",
	"proc/vmstat":                "pgfault 77\n", "proc/loadavg": "0.25 0.1 0.1 1/2 3\n",

	"dev/kmsg": "6,1,1500000,-;hello\n SUBSYSTEM=x\n", "dev/sda": "", "dev/sda2": "two", "dev/watchdog0": "", "dev/urandom": "",
}

// makeTree writes the made tree and says where it is.
func makeTree(t *testing.T) Config {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range made {
		write(name, text)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, "CONFIG_X=y\n")
	w.Close()
	write("proc/config.gz", z.String())
	if err := os.Truncate(filepath.Join(root, "dev/sda"), 2048*sector); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(root, "dev/sda2"), 128*sector); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "dev/input"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(root, "dev/input/event0"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Config{Proc: root + "/proc", Sys: root + "/sys", Dev: root + "/dev"}
}

// never are files that block, or have no end, or are not there without a terminal.
var never = []string{"cons", "zero", "full", "random", "urandom", "bintime", "kmesg", "kprint", "input/*/event", "sd*/raw", "sdvdb/data"}

func TestTree(t *testing.T) {
	srvtest.CheckFiles(t)
	srvtest.Test(t, func() srv.File { return New(makeTree(t)) }, never...)
}

// TestRealTree is this machine's, whose disks may be too long to be read.
func TestRealTree(t *testing.T) {
	srvtest.Test(t, func() srv.File { return New(Config{}) }, append(never, "sd*/*")...)
}

func TestDrawing(t *testing.T) { srvtest.Drawing(t, "devfs.go", New(makeTree(t))) }

func TestTranscript(t *testing.T) {
	srvtest.Transcript(t, srv.New(New(makeTree(t))), "testdata/machine.9p")
}

func TestTexts(t *testing.T) {
	cfg := makeTree(t)
	srvtest.Each(t, func() srv.File { return New(cfg) }, func(t *testing.T, root *client.Fid) {
		page := os.Getpagesize()
		for name, want := range map[string]string{
			"hwmon/hwmon0/temp1": "45.500 C Core 0\n", "hwmon/hwmon0/temp1_max": "100.000 C\n", "hwmon/hwmon0/fan1": "1200 RPM\n",
			"hwmon/hwmon0/in0": "1.023 V\n", "hwmon/hwmon0/power1": "12.345678 W\n", "hwmon/hwmon0/name": "coretemp\n", "hwmon/hwmon0/pwm1": "128\n",
			"leds/input::caps/trigger": "[none] kbd\n", "gpio/gpio4/value": "1\n", "rtc/rtc0/since_epoch": "1700000000\n",
			"thermal/thermal_zone0/temp": "30.000 C\n", "power/BAT0/capacity": "97 %\n", "power/BAT0/voltage_now": "12.100000 V\n",
			"usb/usb1/1-1/1-1.4/idVendor": "1d6b\n", "input/event0/name": "Keys\n", "watchdog/watchdog0/ctl": "stopped\n",
			"sysname": "kremvax", "hostdomain": "tehran.su", "osversion": "Linux 6.1 #1", "config": "CONFIG_X=y\n", "null": "",
			"drivers": "c 1 mem\nc 4 /dev/vc/0\nb 7 loop\n", "pid": fmt.Sprintf("%11d ", os.Getpid()), "ppid": fmt.Sprintf("%11d ", os.Getppid()),
			"hostowner": srv.NewUser("", uint32(os.Getuid())).Name, "user": srv.NewUser("", uint32(os.Getuid())).Name,
			"swap": fmt.Sprintf("1024000 memory\n%d pagesize\n%d kernel\n%d/%d user\n%d/%d swap\n81920/1024000 kernel malloc\n0/0 kernel draw\n",
				page, 120*1024/page, 520*1024/page, 880*1024/page, 100*1024/page, 400*1024/page),
			"sda/ctl":   "inquiry ACME Disk 1 sda\nconfig removable\ngeometry 2048 512\npart data 0 2048\npart p2 64 192\n",
			"sdvdb/ctl": "inquiry vdb\nconfig\ngeometry 512 4096\npart data 0 512\n",
		} {
			if s, err := srvtest.ReadFile(t.Context(), root, name); err != nil || s != want {
				t.Errorf("%s: %q, %v; want %q", name, s, err, want)
			}
		}
		for name, want := range map[string]string{
			"sysstat": `^          0          50          13           0          77           0           3         250          60          20 \n` +
				`          1          60          24           0           0           0           4           0          80           0 \n$`,
			"cputime": `^( {1,11}\d{1,10}){5}           0 $`,
			"time":    `^ *\d{9,} +\d{18,} +\d+ +1000000000 +\d+ $`,
		} {
			if s, err := srvtest.ReadFile(t.Context(), root, name); err != nil || !regexp.MustCompile(want).MatchString(s) {
				t.Errorf("%s: %q, %v", name, s, err)
			}
		}
		for _, name := range []string{"sdloop0", "hwmon/hwmon0/uevent", "hwmon/hwmon0/temp1_input", "input/mouse0", "usb/1-1", "usb/usb1/1-1/1-1:1.0", "hwmon/nosuch"} {
			if _, err := root.Walk(t.Context(), strings.Split(name, "/")...); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestMemoryFiles: what is not Linux's.
func TestMemoryFiles(t *testing.T) {
	srvtest.Each(t, func() srv.File { return New(Config{}) }, func(t *testing.T, root *client.Fid) {
		f, err := srvtest.Open(t.Context(), root, "bintime", p9.OREAD)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Clunk(t.Context())
		p := make([]byte, 100)
		n, err := f.Read(t.Context(), p, 0)
		if now := time.Now().UnixNano(); n != 32 || err != nil || absolute(now-int64(binary.BigEndian.Uint64(p))) > int64(time.Hour) || binary.BigEndian.Uint64(p[16:]) != 1e9 {
			t.Errorf("%d, %v: %x", n, err, p[:n])
		}
		if n, err := f.Read(t.Context(), p[:15], 32); n != 8 || err != nil {
			t.Errorf("%d of 15 bytes, %v", n, err)
		}
		for _, name := range []string{"zero", "full", "random"} {
			f, err := srvtest.Open(t.Context(), root, name, p9.OREAD)
			if err != nil {
				t.Fatal(err)
			}
			p := bytes.Repeat([]byte{1}, 64)
			n, err := f.Read(t.Context(), p, 1<<40)
			if zeros := bytes.Count(p, []byte{0}) == 64; n != 64 || err != nil || zeros != (name != "random") {
				t.Errorf("%s: %x, %v", name, p[:n], err)
			}
			f.Clunk(t.Context())
		}
		for name, want := range map[string]error{"null": nil, "zero": nil, "full": unix.ENOSPC} {
			if err := srvtest.WriteFile(t.Context(), root, name, "text"); !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func absolute(n int64) int64 { return max(n, -n) }
