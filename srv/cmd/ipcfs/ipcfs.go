package ipcfs

import (
	"context"
	_ "embed" // for the manual page
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"ninespace/srv"
	"ninespace/srv/ipcfs"
	"ninespace/srv/p9"
)

//go:embed doc.go
var Man string // the manual page

// Main is the command ipcfs; see doc.go. It serves until ctx or a signal ends it.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var d srv.Door
	flags := flag.NewFlagSet("ipcfs", flag.ContinueOnError)
	d.Flags(flags, "ipcfs")
	rules := flags.String("p", "", "read the plumber's rules from `file`")
	if err := srv.Parse(flags, args); err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return flag.ErrHelp
	}
	tree := ipcfs.New(ipcfs.Config{Start: start, Include: include})
	defer tree.Close()
	if err := load(tree, *rules); err != nil {
		return err
	}
	return d.Serve(ctx, std, srv.New(tree))
}

// load reads the plumber's rules: file, or the user's own, if there are any.
func load(tree *ipcfs.FS, file string) error {
	name := file
	if name == "" {
		name = filepath.Join(os.Getenv("HOME"), "lib/plumbing")
	}
	text, err := os.ReadFile(name)
	if file == "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tree.Rules(string(text)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// include finds a file that rules include.
func include(name string) ([]byte, error) {
	if filepath.IsAbs(name) {
		return os.ReadFile(name)
	}
	for _, dir := range []string{filepath.Join(os.Getenv("HOME"), "lib"), "/usr/lib/plan9/plumb"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	return nil, p9.ErrNotExist
}

// start starts a command for the plumber, in a session of its own.
func start(argv []string, dir string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
		cmd.Dir = dir
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		var ee *exec.Error
		if errors.As(err, &ee) {
			err = ee.Err
		}
		return err
	}
	go cmd.Wait()
	return nil
}
