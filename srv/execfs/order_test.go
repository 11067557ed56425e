package execfs

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// TestInOrder has many reads and writes of a command's files on their way: what comes is what
// went in, in order, as status promises.
func TestInOrder(t *testing.T) {
	many := func() bool { return true }
	data := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(data)
	each(t, Config{}, func(x *tree) {
		if x.hang == nil { // without a connection there is one at a time
			return
		}
		v := x.clone()
		if s := v.text("status"); !strings.Contains(s, "\ninorder\n") {
			x.Errorf("status %q", s)
		}
		var files [3]*client.Fid
		for i := range files {
			mode := p9.OREAD
			if i == 0 {
				mode = p9.OWRITE
			}
			f, err := x.open(v.n+"/"+string(rune('0'+i)), mode)
			if err != nil {
				x.Fatal(err)
			}
			files[i] = f.(*client.Fid)
		}
		v.must("exec tee /dev/stderr")
		go func() {
			in := files[0].Stream(x.ctx, many)
			if _, err := io.Copy(in, struct{ io.Reader }{bytes.NewReader(data)}); err != nil {
				x.Error(err)
			}
			if err := in.Flush(); err != nil {
				x.Error(err)
			}
			files[0].Clunk(x.ctx)
		}()
		done := make(chan bool)
		for _, f := range files[1:] {
			go func() {
				var got bytes.Buffer
				if _, err := io.Copy(&got, f.Stream(x.ctx, many)); err != nil || !bytes.Equal(got.Bytes(), data) {
					x.Errorf("%d bytes, %v", got.Len(), err)
				}
				f.Clunk(x.ctx)
				done <- true
			}()
		}
		<-done
		<-done
		v.wait()
		v.end()
	})
}
