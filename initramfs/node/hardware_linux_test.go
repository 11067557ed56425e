package node

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestHardware reads a machine that is made of files.
func TestHardware(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"class/dmi/id/sys_vendor": "QEMU \"x\"\n", "class/dmi/id/product_serial": "12\n", "devices/system/cpu/online": "0-3\n",
		"class/net/eth0/address": "52:54:00:00:00:01\n", "class/net/eth0/operstate": "up\n", "class/net/eth0/speed": "-1\n", "class/net/eth0/device/x": "",
		"class/net/lo/address": "00\n", "block/vda/size": "4096\n", "block/vda/device/model": "a disk\n", "block/loop0/size": "1\n"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	got := regexp.MustCompile(`memory=\d+M`).ReplaceAllString(hardware(dir), "memory=M")
	if want := "vendor=\"QEMU 'x'\" serial=12 cpus=0-3 memory=M\n\tcard=eth0 ether=525400000001 link=up\n\tdisk=vda model=\"a disk\" size=2M\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
