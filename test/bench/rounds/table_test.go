package rounds

import (
	"strings"
	"testing"
)

// TestFloor wants a line that is below its goal to say whether the goal can be had.
func TestFloor(t *testing.T) {
	tab := Table{Ways: [2]string{"ours", "theirs"}, Widths: [2]int{6, 6}, Format: "%9.1f", Goal: "%.1f"}
	for _, c := range []struct {
		ours, goal, floor float64
		want              string
	}{
		{8, .5, .2, "0.80  0.5 ok"},
		{2, .5, 0, "0.20  0.5 BELOW"},
		{2, .5, .6, "0.20  0.5 BELOW"},
		{2, .5, .25, "0.20  0.5 BELOW, as is the floor: 0.80 of it"},
	} {
		var b strings.Builder
		tab.Reporter(&b, false)(Row{Work: "w", Config: "c", Goal: c.goal, Floor: c.floor},
			[2]Result{{Values: Values{c.ours}}, {Values: Values{10}}})
		if got := strings.TrimSpace(b.String()); !strings.HasSuffix(got, c.want) {
			t.Errorf("floor %v: %q, want it to end with %q", c.floor, got, c.want)
		}
	}
}

// TestMiddle wants a round that something came between not to count.
func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		v    Values
		want float64
	}{
		{nil, 0},
		{Values{7}, 0},
		{Values{4, 1000, 3, 1, 5}, .5}, // 3 to 5 of 4
	} {
		if got := c.v.Middle(); got != c.want {
			t.Errorf("%v: %v, want %v", c.v, got, c.want)
		}
	}
}
