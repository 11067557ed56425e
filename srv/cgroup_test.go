package srv

import (
	"math"
	"strings"
	"testing"
)

func TestParseLimit(t *testing.T) {
	for s, want := range map[string]uint64{
		"0": 0, "7": 7, "4K": 4096, "64M": 64 << 20, "1T": 1 << 40, "unlimited": math.MaxUint64, "9223372036854775807": math.MaxInt64,
	} {
		if n, err := ParseLimit(s); n != want || err != nil {
			t.Errorf("%s: %d, %v, not %d", s, n, err, want)
		}
	}
	for _, s := range []string{"", "K", "x", "-1", "1.5", "4k", "4KB", "max", "9223372036854775808", "99999999T", "8388608T"} {
		if n, err := ParseLimit(s); err == nil || !strings.Contains(err.Error(), "K, M, G or T, or unlimited") {
			t.Errorf("%q: %d, %v", s, n, err)
		}
	}
}

func TestGroupLimit(t *testing.T) {
	for _, c := range []struct{ name, s, kernel string }{
		{"cpu", "50%", "50000 100000"}, {"cpu", "1%", "1000 100000"}, {"cpu", "12.5%", "12500 100000"}, {"cpu", "400%", "400000 100000"},
		{"cpu", "unlimited", "max"}, {"memory", "65536", "65536"}, {"memory", "unlimited", "max"}, {"pids", "1024", "1024"},
	} {
		if text, err := ParseGroupLimit(c.name, c.s); text != c.kernel || err != nil {
			t.Errorf("%s %s: %q, %v, not %q", c.name, c.s, text, err, c.kernel)
		}
		if s := GroupLimitText(c.name, c.kernel+"\n"); s != c.s {
			t.Errorf("%s, %q: %s, not %s", c.name, c.kernel, s, c.s)
		}
	}
	if s := GroupLimitText("cpu", "max 100000\n"); s != "unlimited" {
		t.Error("a group without a limit of cpu has " + s)
	}
	for _, c := range []struct{ name, s, why string }{
		{"cpu", ".5", "bad value .5: not a percentage of one processor, as 50%, or unlimited"},
		{"cpu", "50", "as 50%"}, {"cpu", "max", "or unlimited"}, {"cpu", "0%", "as 50%"}, {"cpu", "NaN%", "as 50%"}, {"cpu", "Inf%", "as 50%"},
		{"memory", "max", "or unlimited"}, {"memory", "4k", "K, M, G or T"}, {"pids", "50%", "bad value 50%: not a number"},
		{"disk", "5", "unknown limit disk: not one of cpu, memory, pids"},
	} {
		if text, err := ParseGroupLimit(c.name, c.s); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %s: %q, %v, not %q", c.name, c.s, text, err, c.why)
		}
	}
}
