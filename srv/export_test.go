package srv

import "time"

// SetGrace sets how long a Door's requests may go on after a signal.
func SetGrace(d time.Duration) { grace = d }
