package node

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sysfs makes a machine of files.
func sysfs(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestHardware(t *testing.T) {
	dir := sysfs(t, map[string]string{"class/dmi/id/sys_vendor": "QEMU \"x\"\n", "class/dmi/id/product_serial": "12\n", "devices/system/cpu/online": "0-3\n",
		"class/net/eth0/address": "52:54:00:00:00:01\n", "class/net/eth0/operstate": "up\n", "class/net/eth0/speed": "-1\n", "class/net/eth0/device/x": "",
		"class/net/lo/address": "00\n", "block/vda/size": "4096\n", "block/vda/device/model": "a disk\n", "block/loop0/size": "1\n", "class/tpm/tpm0/tpm_version_major": "2\n"})
	got := regexp.MustCompile(`memory=\d+M`).ReplaceAllString(hardware(dir), "memory=M")
	if want := "vendor=\"QEMU 'x'\" serial=12 cpus=0-3 memory=M tpm=2\n\tcard=eth0 ether=525400000001 link=up\n\tdisk=vda model=\"a disk\" size=2M\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestHealth(t *testing.T) {
	dir := sysfs(t, map[string]string{"class/hwmon/hwmon0/name": "coretemp\n", "class/hwmon/hwmon0/temp1_input": "45500\n", "class/hwmon/hwmon0/temp3_input": "-500\n",
		"class/hwmon/hwmon0/fan2_input": "1200\n", "class/thermal/thermal_zone0/type": "acpitz\n", "class/thermal/thermal_zone0/temp": "27800\n", "class/thermal/cooling_device0/type": "Fan\n",
		"devices/system/edac/mc/mc0/ce_count": "3\n", "devices/system/edac/mc/mc0/ue_count": "0\n", "devices/system/edac/mc/power": "",
		"class/net/eth0/operstate": "down\n", "class/net/eth0/device/x": "", "class/net/eth0/statistics/rx_errors": "7\n", "class/net/eth0/statistics/tx_errors": "0\n", "class/net/lo/operstate": "up\n",
		"block/sda/device/ioerr_cnt": "0x1f\n", "block/vda/size": "1\n"})
	first, rest, _ := strings.Cut(health(dir), "\n")
	if !regexp.MustCompile(`^up=\d+s load=[\d.]+ memory=\d+M available=\d+M root=\d+%$`).MatchString(first) {
		t.Errorf("%q", first)
	}
	if want := "\tsensor=coretemp temp1=45.5 fan2=1200 temp3=-0.5\n\tsensor=acpitz temp=27.8\n\tmemory=mc0 corrected=3 uncorrected=0\n\tcard=eth0 link=down inerrors=7 outerrors=0\n\tdisk=sda errors=31\n"; rest != want {
		t.Errorf("%q, not %q", rest, want)
	}
}
