package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBootUEFI boots a machine whose firmware is UEFI, with the card's iPXE for that, and from
// there it is as in TestBoot, to a command by cpu. It takes minutes, and so NINE_LONG.
func TestBootUEFI(t *testing.T) {
	if os.Getenv("NINE_LONG") == "" {
		t.Skip("takes minutes: NINE_LONG")
	}
	const code, vars = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
	if _, err := os.Stat(code); err != nil {
		t.Skip("Debian's ovmf is missing: ", err)
	}
	if !labPrograms(t, 14*time.Minute) {
		return
	}
	l := newLab(t)
	node1 := l.add(1)
	l.sign("release")
	l.netboot()
	l.tell("netboot/nodes/"+node1.ether+"/ctl", "token 9m")
	own := filepath.Join(l.dir, "vars")
	if err := copyFile(vars, own); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	node1.on("-machine", "q35", "-drive", "if=pflash,format=raw,readonly=on,file="+code, "-drive", "if=pflash,format=raw,file="+own)
	node1.said(`init: joined as node1,10\.9\.0\.11 by a token; `)
	t.Logf("%.1f s: joined", time.Since(begun).Seconds())
	if out, code := node1.cpu("rc", "-c", "read </proc/version"); code != 0 || !strings.HasPrefix(out, "Linux version ") {
		t.Errorf("cpu: status %d: %s", code, out)
	}
	t.Logf("%.1f s: cpu\n%s", time.Since(begun).Seconds(), l.ask("netboot/log"))
}
