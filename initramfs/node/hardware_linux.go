package node

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hardware is what the machine is made of, an entry of ndb(6): what its firmware says by
// SMBIOS, as Linux has read it, its processors and memory, its TPM, its cards and disks.
func hardware(sys string) string {
	r := &report{dir: sys}
	for _, a := range [...][2]string{{"vendor", "sys_vendor"}, {"product", "product_name"}, {"serial", "product_serial"}, {"uuid", "product_uuid"},
		{"board", "board_name"}, {"firmware", "bios_version"}, {"firmwaredate", "bios_date"}} {
		r.pair(a[0], r.read("class/dmi/id/"+a[1]))
	}
	r.pair("cpus", r.read("devices/system/cpu/online"))
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		r.pair("memory", megabytes(uint64(info.Totalram)*uint64(info.Unit)))
	}
	r.pair("tpm", r.read("class/tpm/tpm0/tpm_version_major"))
	r.each("class/net", func(name string) {
		dir := "class/net/" + name
		if !r.device(dir) {
			return
		}
		r.pair("card", name)
		r.pair("ether", strings.ReplaceAll(r.read(dir+"/address"), ":", ""))
		r.pair("link", r.read(dir+"/operstate"))
		if s := r.read(dir + "/speed"); s != "-1" {
			r.pair("mbps", s)
		}
	})
	r.each("block", func(name string) {
		dir := "block/" + name
		if !r.device(dir) {
			return
		}
		r.pair("disk", name)
		r.pair("model", r.read(dir+"/device/model"))
		sectors, _ := strconv.ParseUint(r.read(dir+"/size"), 10, 64)
		r.pair("size", megabytes(sectors<<9))
	})
	return r.String()
}

func megabytes(bytes uint64) string { return fmt.Sprintf("%dM", bytes>>20) }
