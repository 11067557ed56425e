//go:build race

package rc

// race tells that each rc that a test starts is slow: it is this binary.
const race = true
