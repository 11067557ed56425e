package procfs

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseStatus(t *testing.T) {
	line := fmt.Sprintf("%-28s%-28s%-12s%11d %11d %11d %11d %11d %11d %11d %11d %11d ", "a\x1b[2Jb", "glenda", "Wakeme", 20, 10, 127, 0, 0, 0, 1692, 10, 10)
	want := Status{"a?[2Jb", "glenda", "Wakeme", 20 * time.Millisecond, 10 * time.Millisecond, 1692 << 10}
	if got, ok := ParseStatus(line); !ok || got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
	for _, bad := range []string{"", "short", strings.Repeat(" ", 68), strings.Repeat("x", 80)} {
		if s, ok := ParseStatus(bad); ok {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}
