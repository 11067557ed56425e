package devfs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"ninespace/srv"
	"ninespace/srv/p9"
)

// A class is a directory of devices as sysfs has it.
type class struct {
	name, dir string                 // ours, and sysfs's
	only      func(name string) bool // which names are devices; nil for all
	within    func(name string) bool // which subdirectories of a device are devices again; nil for none
	attrs     []attr
	more      func(f *FS, name string) []entry // what a device has besides
}

// An attr is of a device: a file of sysfs whose name matches.
type attr struct {
	glob  string
	mode  fs.FileMode
	scale float64 // what is in it is so many times the unit
	unit  string
}

// plain makes attributes that read as sysfs has them.
func plain(mode fs.FileMode, globs ...string) (all []attr) {
	for _, g := range globs {
		all = append(all, attr{glob: g, mode: mode})
	}
	return all
}

// scaled makes an attribute of each glob, with a number in a unit.
func scaled(scale float64, unit string, globs ...string) (all []attr) {
	for _, g := range globs {
		all = append(all, attr{g, 0o444, scale, unit})
	}
	return all
}

func attrs(all ...[]attr) (joined []attr) {
	for _, a := range all {
		joined = append(joined, a...)
	}
	return joined
}

// classes are the table; of a device's attributes the first that matches is it. It is made
// when it is wanted: a command's start is to cost nothing.
func classes() []class {
	return []class{
		{name: "gpio", dir: "class/gpio", attrs: attrs(
			plain(0o444, "label", "ngpio", "base"), plain(0o644, "value", "direction", "active_low", "edge"))},
		{name: "hwmon", dir: "class/hwmon", attrs: attrs(
			plain(0o444, "name", "*_label", "*_alarm", "*_fault", "*_type"), plain(0o644, "pwm[0-9]", "pwm[0-9]_enable"),
			scaled(1000, "C", "temp*_input", "temp*_max", "temp*_min", "temp*_crit"), scaled(1, "RPM", "fan*_input", "fan*_min", "fan*_max"),
			scaled(1000, "V", "in*_input", "in*_min", "in*_max"), scaled(1000, "A", "curr*_input", "curr*_max"),
			scaled(1e6, "W", "power*_input", "power*_average", "power*_cap"), scaled(1e6, "J", "energy*_input"), scaled(1000, "%", "humidity*_input"))},
		{name: "input", dir: "class/input", only: numbered("event"),
			attrs: plain(0o444, "device/name", "device/phys", "device/uniq"), more: (*FS).inputMore},
		{name: "leds", dir: "class/leds", attrs: attrs(plain(0o444, "max_brightness"), plain(0o644, "brightness", "trigger"))},
		{name: "power", dir: "class/power_supply", attrs: attrs(
			plain(0o444, "type", "status", "health", "online", "present", "capacity_level", "technology", "manufacturer", "model_name", "cycle_count"),
			scaled(1, "%", "capacity"), scaled(1e6, "V", "voltage_now"), scaled(1e6, "A", "current_now"), scaled(1e6, "W", "power_now"),
			scaled(1e6, "Wh", "energy_now", "energy_full", "energy_full_design"), scaled(1e6, "Ah", "charge_now", "charge_full", "charge_full_design"),
			scaled(10, "C", "temp"))},
		{name: "rtc", dir: "class/rtc", attrs: attrs(plain(0o444, "name", "date", "time", "since_epoch", "hctosys"), plain(0o644, "wakealarm"))},
		{name: "thermal", dir: "class/thermal", attrs: attrs(
			plain(0o444, "type", "policy", "mode", "cur_state", "max_state", "trip_point_*_type"), scaled(1000, "C", "temp", "trip_point_*_temp"))},
		{name: "usb", dir: "bus/usb/devices", only: numbered("usb"), within: usbDevice, attrs: attrs(
			plain(0o444, "busnum", "devnum", "devpath", "idVendor", "idProduct", "bcdDevice", "bDeviceClass", "manufacturer", "product",
				"serial", "speed", "version", "maxchild", "bMaxPower"), plain(0o644, "authorized"))},
		{name: "watchdog", dir: "class/watchdog", attrs: plain(0o444,
			"identity", "state", "status", "bootstatus", "timeleft", "timeout", "pretimeout", "nowayout"), more: (*FS).dogMore},
	}
}

// numbered are the names of a word and a number.
func numbered(word string) func(string) bool {
	return func(name string) bool {
		digits, ok := strings.CutPrefix(name, word)
		return ok && isNumber(digits)
	}
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// usbDevice knows what is plugged in, as 1-4.2, from its interfaces, as 1-4.2:1.0.
func usbDevice(name string) bool {
	bus, ports, ok := strings.Cut(name, "-")
	for port := range strings.SplitSeq(ports, ".") {
		ok = ok && isNumber(port)
	}
	return ok && isNumber(bus)
}

// class lists the devices of a class.
func (f *FS) class(c *class) []entry {
	var all []entry
	dir := filepath.Join(f.cfg.Sys, c.dir)
	for _, name := range names(dir) {
		if c.only == nil || c.only(name) {
			all = append(all, f.device(c, filepath.Join(dir, name), name))
		}
	}
	return all
}

func (f *FS) device(c *class, dir, name string) entry {
	return entry{name: name, mode: fs.ModeDir | 0o555, ents: func() []entry {
		var all []entry
		for _, a := range c.attrs {
			found, _ := filepath.Glob(filepath.Join(escape(dir), a.glob))
			for _, file := range found {
				if e := f.attribute(a, file); !has(all, e.name) {
					all = append(all, e)
				}
			}
		}
		if c.within != nil {
			for _, sub := range names(dir) {
				if c.within(sub) {
					all = append(all, f.device(c, filepath.Join(dir, sub), sub))
				}
			}
		}
		if c.more != nil {
			all = append(all, c.more(f, name)...)
		}
		return all
	}}
}

// escape has Glob take a name as it is.
func escape(name string) string {
	return strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(name)
}

func has(all []entry, name string) bool {
	for _, e := range all {
		if e.name == name {
			return true
		}
	}
	return false
}

// attribute makes a file of one of sysfs's.
func (f *FS) attribute(a attr, file string) entry {
	name := strings.TrimSuffix(filepath.Base(file), "_input")
	e := entry{name: name, mode: a.mode, open: text(func() (string, error) { return a.read(file) })}
	if a.mode&0o200 != 0 {
		e.open = settable(func() (string, error) { return a.read(file) }, func(s string) error { return writeAttr(file, s) })
	}
	return e
}

func (a attr) read(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil || a.unit == "" {
		return string(b), err
	}
	s := strings.TrimSpace(string(b))
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s + "\n", nil
	}
	digits := len(strconv.Itoa(int(a.scale))) - 1
	s = strconv.FormatFloat(n/a.scale, 'f', digits, 64) + " " + a.unit
	if stem, ok := strings.CutSuffix(file, "_input"); ok {
		if label := line(stem + "_label"); label != "" {
			s += " " + label
		}
	}
	return s + "\n", nil
}

// writeAttr sets an attribute by one write, as sysfs wants it.
func writeAttr(file, s string) error {
	w, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return cause(err)
	}
	_, err = w.WriteString(s)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", path.Base(file), srv.Quote(s), cause(err))
	}
	return nil
}

func (f *FS) inputMore(name string) []entry {
	return []entry{{name: "event", mode: 0o400, open: f.openInput(name)}}
}

func (f *FS) dogMore(name string) []entry {
	return []entry{{name: "ctl", mode: 0o600, open: func(_ context.Context, mode p9.Mode) (srv.Handle, error) {
		return srv.Open(context.Background(), f.dogCtl(name), mode)
	}}}
}
