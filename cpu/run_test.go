package cpu

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/yamux"

	"ninespace/srv/client"
)

// TestSilent: a far side that greets and then says nothing is given up.
func TestSilent(t *testing.T) {
	defer func(d time.Duration) { greetLimit = d }(greetLimit)
	greetLimit = 100 * time.Millisecond
	for _, greets := range []bool{false, true} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			if greets {
				io.WriteString(c, "ok\n")
			}
			io.Copy(io.Discard, c)
		}()
		cmd := Cmd{Addr: "unix!" + socket, Args: []string{"true"}}
		err = cmd.Run(t.Context(), [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
		if err == nil || !strings.Contains(err.Error(), "timeout") && !strings.Contains(err.Error(), "no answer within 100ms") {
			t.Errorf("greets %v: %v", greets, err)
		}
		l.Close()
		<-done
	}
}

// TestManyStreams: a session takes so many conversations and no more.
func TestManyStreams(t *testing.T) {
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(t.Context(), far, Config{}) }()
	mux, err := yamux.Client(near, muxConfig())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxStreams {
		stream, err := mux.Open()
		if err != nil {
			t.Fatal(i, err)
		}
		c, err := client.New(t.Context(), stream, nil)
		if taken := err == nil; taken != (i < maxStreams) {
			t.Errorf("stream %d: %v", i, err)
		}
		if c != nil {
			defer c.Close()
		}
	}
	mux.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestToken: a token file is whole when it is there, whoever makes it.
func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	tokens := make(chan string)
	for range 20 {
		go func() {
			token, err := makeToken(file)
			if err != nil {
				t.Error(err)
			}
			tokens <- token
		}()
	}
	first := <-tokens
	for range 19 {
		if token := <-tokens; token != first {
			t.Errorf("%q and %q", first, token)
		}
	}
	ents, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(ents) != 1 {
		t.Error(ents, err)
	}
}
