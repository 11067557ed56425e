package cpu

import (
	"io"
	"time"

	"github.com/hashicorp/yamux"
)

// muxConfig is yamux's with windows that hold several of the largest messages
// of 9P, and without its log.
func muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.MaxStreamWindowSize = 8 << 20
	c.ConnectionWriteTimeout = 30 * time.Second
	c.LogOutput = io.Discard
	return c
}
