package srv_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ninespace/srv"
	"ninespace/srv/p9"
	"ninespace/srv/srvtest"
)

// FuzzServe sends any frames after a good beginning: the server must neither die
// nor keep anything back when the connection ends. Each frame's size is made
// right, or most would end at the first one.
func FuzzServe(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.9p")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		dotl := strings.Contains(string(text), "9P2000.L")
		var all []byte
		for line := range strings.Lines(string(text)) {
			if m, err := p9.ParseText(strings.TrimPrefix(strings.TrimSpace(line), "-> ")); err == nil && m.Type != p9.Tversion && m.Type&1 == 0 {
				all, _ = m.Append(all, dotl)
			}
		}
		f.Add(all, dotl)
	}
	f.Fuzz(func(t *testing.T, frames []byte, dotl bool) {
		version := p9.Version9P2000
		if dotl {
			version = p9.Version9P2000L
		}
		hello := p9.Fcall{Type: p9.Tversion, Tag: p9.NoTag, Msize: 4096, Version: version}
		attach := p9.Fcall{Type: p9.Tattach, Afid: p9.NoFid, Uname: "root"}
		b, _ := hello.Append(nil, false)
		b, _ = attach.Append(b, dotl)
		for len(frames) > p9.HdrSz {
			n := min(int(binary.LittleEndian.Uint32(frames)), len(frames), 4096)
			if n < p9.HdrSz {
				n = min(len(frames), 20)
			}
			frame := append([]byte(nil), frames[:n]...)
			binary.LittleEndian.PutUint32(frame, uint32(n))
			b, frames = append(b, frame...), frames[n:]
		}
		client, server := net.Pipe()
		served, drained := make(chan struct{}), make(chan struct{})
		go func() { defer close(served); srv.New(transcriptTree(t)).ServeConn(context.Background(), server) }()
		go func() { defer close(drained); io.Copy(io.Discard, client) }()
		client.SetDeadline(time.Now().Add(srvtest.Patience))
		if _, err := client.Write(b); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the server does not read on")
		}
		client.Close()
		select {
		case <-served:
		case <-time.After(srvtest.Patience):
			t.Fatal("the server does not end with its connection")
		}
		<-drained
	})
}
