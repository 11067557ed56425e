//go:build !race

package rc

const race = false
