package main

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"os"

	"github.com/hugelgupf/p9/fsimpl/localfs"
	hugelgupf "github.com/hugelgupf/p9/p9"
	"github.com/knusbaum/go9p"
	knusbaum "github.com/knusbaum/go9p/fs"
	"github.com/knusbaum/go9p/fs/real"

	"ninespace/srv"
	diskfs "ninespace/srv/cmd/diskfs"
)

const diod = "/usr/sbin/diod"

// serveOurs is the command "nine diskfs", flags, permissions and all.
func serveOurs(l net.Listener, dir string) error {
	socket := l.Addr().String()
	l.Close()
	return diskfs.Main(context.Background(), [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, []string{"-l", "unix!" + socket, dir})
}

func serveOursMemory(l net.Listener, _ string) error {
	root := srv.NewDir().Add("file", memory{})
	return srv.New(root).Serve(context.Background(), l)
}

// serveHugelgupf is its command p9ufs.
func serveHugelgupf(l net.Listener, dir string) error {
	return hugelgupf.NewServer(localfs.Attacher(dir)).Serve(l)
}

func serveHugelgupfMemory(l net.Listener, _ string) error {
	return hugelgupf.NewServer(theirDir{}).Serve(l)
}

// serveGo9p is its command export9p, without the log of who attaches.
func serveGo9p(l net.Listener, dir string) error {
	log.SetOutput(io.Discard)
	var tree knusbaum.FS
	tree.Root = &real.Dir{Path: dir}
	knusbaum.WithCreateFile(real.CreateFile)(&tree)
	knusbaum.WithCreateDir(real.CreateDir)(&tree)
	knusbaum.WithRemoveFile(real.Remove)(&tree)
	s := tree.Server()
	return each(l, func(c net.Conn) { go9p.ServeReadWriter(bufio.NewReader(c), c, s) })
}
