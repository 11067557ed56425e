package rc_test

import (
	"testing"

	"ninespace/rc"
)

// mostAtStart is what an rc may allocate that has nothing to do, rcmain included: each
// script pays for it. A word more in rcmain is one allocation or two.
const mostAtStart = 90

func TestStartAllocates(t *testing.T) {
	got := testing.AllocsPerRun(20, func() {
		r := rc.New(rc.Config{Name: "rc", Env: []string{"PATH=/usr/bin:/bin", "HOME=/root"}})
		r.Set("cflag", "")
		if status := r.Main(t.Context(), ""); status != "" {
			t.Fatal(status)
		}
		r.Close()
	})
	if got > mostAtStart {
		t.Errorf("rc allocates %v times to do nothing, more than %d", got, mostAtStart)
	}
	t.Logf("%v allocations", got)
}
