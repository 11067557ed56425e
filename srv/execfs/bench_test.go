package execfs

import (
	"context"
	"io"
	"testing"

	"ninespace/srv/p9"
)

// BenchmarkTrue is a whole conversation: clone, exec, wait, clunk.
func BenchmarkTrue(b *testing.B) {
	fs := New(Config{KillOnClose: true})
	defer fs.Close()
	ctx := context.Background()
	p := make([]byte, 1000)
	for b.Loop() {
		ctl, err := openFile(ctx, fs, "clone", p9.ORDWR)
		if err == nil {
			_, err = ctl.Write(ctx, []byte("exec true"), 0)
		}
		if err != nil {
			b.Fatal(err)
		}
		wait, err := openFile(ctx, fs, "0/wait", p9.OREAD)
		if err == nil {
			_, err = wait.Read(ctx, p, 0)
		}
		if err != nil {
			b.Fatal(err)
		}
		wait.Clunk(ctx)
		ctl.Clunk(ctx)
		fs.wg.Wait() // so that the number is free
	}
}

// BenchmarkOutput reads what a command writes as fast as it can.
func BenchmarkOutput(b *testing.B) {
	fs := New(Config{KillOnClose: true})
	defer fs.Close()
	ctx := context.Background()
	ctl, err := openFile(ctx, fs, "clone", p9.ORDWR)
	if err == nil {
		_, err = ctl.Write(ctx, []byte("exec head -c 1000000000000 /dev/zero"), 0)
	}
	if err != nil {
		b.Fatal(err)
	}
	out, err := openFile(ctx, fs, "0/1", p9.OREAD)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		for n := 0; n < len(p); {
			m, err := out.Read(ctx, p[n:], 0)
			if err != nil || m == 0 {
				b.Fatal(err, io.ErrUnexpectedEOF)
			}
			n += m
		}
	}
	out.Clunk(ctx)
	ctl.Clunk(ctx)
}
