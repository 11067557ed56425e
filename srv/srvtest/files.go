package srvtest

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"ninespace/srv"
	"ninespace/srv/client"
	"ninespace/srv/p9"
)

// Open opens the file at a path below root, root itself where that is empty.
func Open(ctx context.Context, root *client.Fid, name string, mode p9.Mode) (*client.Fid, error) {
	var names []string
	if name != "" {
		names = strings.Split(name, "/")
	}
	f, err := root.Walk(ctx, names...)
	if err != nil {
		return nil, err
	}
	if err := f.Open(ctx, mode); err != nil {
		f.Clunk(ctx)
		return nil, err
	}
	return f, nil
}

// ReadFile reads the file at a path below root to its end.
func ReadFile(ctx context.Context, root *client.Fid, name string) (string, error) {
	f, err := Open(ctx, root, name, p9.OREAD)
	if err != nil {
		return "", err
	}
	defer f.Clunk(ctx)
	var text []byte
	for p := make([]byte, 8192); ; {
		n, err := f.Read(ctx, p, int64(len(text)))
		text = append(text, p[:n]...)
		if err == io.EOF || err == nil && n == 0 {
			return string(text), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// WriteFile writes a text to the file at a path below root, by one message.
func WriteFile(ctx context.Context, root *client.Fid, name, text string) error {
	f, err := Open(ctx, root, name, p9.OWRITE)
	if err != nil {
		return err
	}
	defer f.Clunk(ctx)
	_, err = f.Write(ctx, []byte(text), 0)
	return err
}

// A Tree is a tree as a client has it, in a test that fails where something can't be done.
type Tree struct {
	*testing.T
	Root *client.Fid
}

// Open opens a file.
func (x Tree) Open(name string, mode p9.Mode) *client.Fid {
	x.Helper()
	f, err := Open(x.Context(), x.Root, name, mode)
	if err != nil {
		x.Fatalf("%s: %v", name, err)
	}
	return f
}

// Text is what a file reads as.
func (x Tree) Text(name string) string {
	x.Helper()
	text, err := ReadFile(x.Context(), x.Root, name)
	if err != nil {
		x.Fatalf("%s: %v", name, err)
	}
	return text
}

// Read is one read of an open file, "" at its end.
func (x Tree) Read(f *client.Fid) string {
	x.Helper()
	p := make([]byte, 8192)
	n, err := f.Read(x.Context(), p, 0)
	if err != nil && err != io.EOF {
		x.Fatal(err)
	}
	return string(p[:n])
}

// Write is one write to an open file.
func (x Tree) Write(f *client.Fid, text string) {
	x.Helper()
	if n, err := f.Write(x.Context(), []byte(text), 0); n != len(text) || err != nil {
		x.Fatalf("write %q: %d, %v", text, n, err)
	}
}

// Transcripts runs every transcript of testdata, each with a new tree.
func Transcripts(t *testing.T, newRoot func(t *testing.T) srv.File) {
	t.Helper()
	names, err := filepath.Glob("testdata/*.9p")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) { Transcript(t, srv.New(newRoot(t)), name) })
	}
}
