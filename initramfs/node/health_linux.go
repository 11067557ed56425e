package node

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// health is how the machine does, an entry of ndb(6): since when it runs, its load, memory and
// the room in its root, its sensors, and what its memory, cards and disks have had of errors.
func health(sys string) string {
	r := &report{dir: sys}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		r.pair("up", fmt.Sprintf("%ds", info.Uptime))
		r.pair("load", fmt.Sprintf("%.2f", float64(info.Loads[0])/(1<<16)))
		r.pair("memory", megabytes(uint64(info.Totalram)*uint64(info.Unit)))
	}
	r.pair("available", available())
	var root unix.Statfs_t
	if unix.Statfs("/", &root) == nil && root.Blocks > 0 {
		r.pair("root", fmt.Sprintf("%d%%", 100*(root.Blocks-root.Bfree)/root.Blocks))
	}
	r.each("class/hwmon", func(name string) {
		dir := "class/hwmon/" + name + "/"
		r.pair("sensor", r.read(dir+"name"))
		for n := 1; n <= 64; n++ {
			r.milli(fmt.Sprint("temp", n), r.read(fmt.Sprintf("%stemp%d_input", dir, n)))
			r.pair(fmt.Sprint("fan", n), r.read(fmt.Sprintf("%sfan%d_input", dir, n)))
		}
	})
	r.each("class/thermal", func(name string) {
		if strings.HasPrefix(name, "thermal_zone") {
			r.pair("sensor", r.read("class/thermal/"+name+"/type"))
			r.milli("temp", r.read("class/thermal/"+name+"/temp"))
		}
	})
	r.each("devices/system/edac/mc", func(name string) {
		if ce := r.read("devices/system/edac/mc/" + name + "/ce_count"); ce != "" {
			r.pair("memory", name)
			r.pair("corrected", ce)
			r.pair("uncorrected", r.read("devices/system/edac/mc/"+name+"/ue_count"))
		}
	})
	r.each("class/net", func(name string) {
		dir := "class/net/" + name
		if !r.device(dir) {
			return
		}
		r.pair("card", name)
		r.pair("link", r.read(dir+"/operstate"))
		r.pair("inerrors", r.read(dir+"/statistics/rx_errors"))
		r.pair("outerrors", r.read(dir+"/statistics/tx_errors"))
	})
	r.each("block", func(name string) {
		if n, err := strconv.ParseUint(r.read("block/"+name+"/device/ioerr_cnt"), 0, 64); err == nil { // SCSI's
			r.pair("disk", name)
			r.pair("errors", fmt.Sprint(n))
		}
	})
	return r.String()
}

// milli adds a temperature, which sysfs has in thousandths of a degree Celsius.
func (r *report) milli(attr, value string) {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		r.pair(attr, fmt.Sprintf("%.1f", float64(n)/1000))
	}
}

// available is how much memory a program could have.
func available() string {
	b, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kb, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return megabytes(kb << 10)
		}
	}
	return ""
}
