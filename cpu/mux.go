package cpu

import (
	"io"
	"sync"
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

// maxStreams is how many conversations the other side may have at a time: it needs
// one or two, and the end of a session costs time that grows with their square.
const maxStreams = 64

// accept serves the streams that the other side opens, and counts them in wg, until
// the connection ends.
func accept(mux *yamux.Session, wg *sync.WaitGroup, serve func(*yamux.Stream)) error {
	places := make(chan struct{}, maxStreams)
	for {
		stream, err := mux.AcceptStream()
		if err != nil {
			return err
		}
		select {
		case places <- struct{}{}:
			wg.Go(func() {
				defer func() { <-places }()
				serve(stream)
			})
		default:
			stream.Close()
		}
	}
}
