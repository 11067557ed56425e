package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hardware is what the machine is made of, an entry of ndb(6): what its firmware says by
// SMBIOS, as Linux has read it, its processors and memory, its cards and disks.
func hardware(sys string) string {
	read := func(name string) string {
		b, _ := os.ReadFile(filepath.Join(sys, name))
		return strings.TrimSpace(string(b))
	}
	var b strings.Builder
	pair := func(attr, value string) {
		if value = strings.NewReplacer(`"`, "'", "\n", " ").Replace(value); value != "" {
			fmt.Fprintf(&b, " %s=%s", attr, quoted(value))
		}
	}
	for _, a := range [...][2]string{{"vendor", "sys_vendor"}, {"product", "product_name"}, {"serial", "product_serial"}, {"uuid", "product_uuid"},
		{"board", "board_name"}, {"firmware", "bios_version"}, {"firmwaredate", "bios_date"}} {
		pair(a[0], read("class/dmi/id/"+a[1]))
	}
	fmt.Fprintf(&b, " cpus=%s", read("devices/system/cpu/online"))
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		fmt.Fprintf(&b, " memory=%dM", uint64(info.Totalram)*uint64(info.Unit)>>20)
	}
	lines := []string{strings.TrimSpace(b.String())}
	each := func(dir string, f func(name string)) {
		ents, _ := os.ReadDir(filepath.Join(sys, dir))
		for _, e := range ents {
			if _, err := os.Stat(filepath.Join(sys, dir, e.Name(), "device")); err != nil {
				continue // what no hardware is behind
			}
			b.Reset()
			f(e.Name())
			lines = append(lines, strings.TrimSpace(b.String()))
		}
	}
	each("class/net", func(name string) {
		pair("card", name)
		pair("ether", strings.ReplaceAll(read("class/net/"+name+"/address"), ":", ""))
		pair("link", read("class/net/"+name+"/operstate"))
		if s := read("class/net/" + name + "/speed"); s != "-1" {
			pair("mbps", s)
		}
	})
	each("block", func(name string) {
		pair("disk", name)
		pair("model", read("block/"+name+"/device/model"))
		sectors, _ := strconv.ParseUint(read("block/"+name+"/size"), 10, 64)
		pair("size", fmt.Sprintf("%dM", sectors>>11))
	})
	return strings.Join(lines, "\n\t") + "\n"
}

// quoted is a value as ndb has it.
func quoted(s string) string {
	if strings.ContainsAny(s, " \t#=") {
		return `"` + s + `"`
	}
	return s
}
