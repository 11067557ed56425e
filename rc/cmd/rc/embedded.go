package rc

import (
	"context"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ninespace/ns"
	"ninespace/rc"
)

// Script gives the Main of a command that is a script of this name.
func Script(name, text string) func(ctx context.Context, std [3]*os.File, args []string) error {
	return func(ctx context.Context, std [3]*os.File, args []string) error {
		n := newNotes()
		file := ns.Bin + "/" + name // as it is in a name space, whether there is one or not
		config := rc.Config{Name: name, Args: append([]string{file}, args...), Env: os.Environ(), Files: inherited(std), Hooks: hooks(n)}
		if exe, err := os.Executable(); err == nil && !ns.Inside() {
			// The directory of nine need not be in $path.
			config.Env = append(config.Env, "PATH="+os.Getenv("PATH")+":"+filepath.Dir(exe))
		}
		open := config.Hooks.Open
		config.Hooks.Open = func(name string, flag int, perm uint32) (int, error) {
			if name == file {
				return memory(file, text)
			}
			return open(name, flag, perm)
		}
		r := rc.New(config)
		n.to(r, false)
		status := r.Main(ctx, "")
		r.Wait()
		os.Exit(rc.ExitCode(status))
		return nil
	}
}

// memory gives a file that has a text.
func memory(name, text string) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if _, err = unix.Pwrite(fd, []byte(text), 0); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
