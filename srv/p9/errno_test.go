package p9

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNumbersElsewhere wants the table that other systems go by to have Linux's number
// for each name, and every name that an error here has.
func TestNumbersElsewhere(t *testing.T) {
	src, err := os.ReadFile("errno_other.go")
	if err != nil {
		t.Fatal(err)
	}
	there := map[syscall.Errno]bool{}
	rows := regexp.MustCompile(`\{(\d+), (?:syscall\.)?(\w+)\}|(\w+)\s+(?:syscall\.Errno )?= foreign \+ (\d+)`)
	for _, m := range rows.FindAllStringSubmatch(string(src), -1) {
		n, err := strconv.Atoi(m[1] + m[4])
		if err != nil {
			t.Fatal(err)
		}
		there[syscall.Errno(n)] = true
		name, want := strings.ToUpper(m[2]+m[3]), unix.ErrnoName(syscall.Errno(n))
		if name != want && name+want != "EOPNOTSUPPENOTSUP" {
			t.Errorf("%s is %d, which is %s", name, n, want)
		}
	}
	for _, e := range enames {
		if !there[e.Errno] {
			t.Errorf("%v has no row", e.Errno)
		}
	}
}
