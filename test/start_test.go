package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// mostAtStart is what packages may allocate before main runs. One that is not here and
// not of the standard library may allocate nothing: make what a command needs when it
// runs. Errors are an allocation each, a map one and its groups; a regexp is hundreds.
var mostAtStart = map[string]int{
	"golang.org/x/sys/cpu":                10, // of factotum's ciphers
	"golang.org/x/sys/unix":               1,
	"github.com/hashicorp/yamux":          13,
	"github.com/insomniacslk/dhcp/dhcpv4": 14, // of init and netboot
	"github.com/insomniacslk/dhcp/iana":   10,
	"github.com/pierrec/lz4/v4":           4, // which dhcpv4's random numbers come with
	"github.com/u-root/uio/rand":          1,
	"ninespace/ns":                        3,
	"ninespace/srv":                       2,
	"ninespace/srv/procfs":                5,
	"the standard library in all":         214, // 175 of them are of a program that has TLS and no more
}

// TestStart wants nine, each of whose commands pays for the packages of all, to do next
// to nothing before main: allocations are counted, as time would not hold.
func TestStart(t *testing.T) {
	cmd := exec.Command(binary(t), "rc", "-c", "")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all, seen := 0, 0
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var name string
		var at, took float64
		var size, allocs int
		if _, err := fmt.Sscanf(s.Text(), "init %s @%f ms, %f ms clock, %d bytes, %d allocs", &name, &at, &took, &size, &allocs); err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		seen++
		if first, _, _ := strings.Cut(name, "/"); first != "ninespace" && !strings.Contains(first, ".") {
			all += allocs
			continue
		}
		if most := mostAtStart[name]; allocs > most {
			t.Errorf("%s allocates %d times at start, more than %d", name, allocs, most)
		}
	}
	if most := mostAtStart["the standard library in all"]; seen == 0 || all > most {
		t.Errorf("the standard library allocates %d times at start, more than %d", all, most)
	}
}
