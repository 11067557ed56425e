package doc

import (
	"runtime"
	"runtime/debug"
)

// A release's version, and the day of its sources as 2006-01-02. Whoever makes one has the
// linker set them; elsewhere they are empty.
var version, date string

// Version is nine's name, version, system and Go, in a line.
func Version() string {
	v := version
	if v == "" {
		v = "(devel)"
		if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
			v = b.Main.Version
		}
	}
	return "nine " + v + " " + runtime.GOOS + "/" + runtime.GOARCH + " " + runtime.Version()
}
