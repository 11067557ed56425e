package initramfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// uroot is u-root's module, at the version whose commands come along.
const uroot = "github.com/u-root/u-root@v0.16.0"

// MakeCommands has Go build commands of u-root's into one program, as a busybox, and writes
// u-root's archive of it to a file, for Config.Commands. names are of its cmds/core, or the one
// word core is for all of them; arch is Go's name of the machine's kind. It wants Go, and a
// proxy of modules or what has been had from one; the first time it takes minutes.
func MakeCommands(ctx context.Context, file, arch string, names ...string) error {
	dir, err := os.MkdirTemp("", "commands.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	run := func(arch, name string, args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-mod=mod -buildvcs=false", "GOWORK=off")
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, bytes.TrimSpace(said.Bytes()))
		}
		return strings.TrimSpace(out.String()), nil
	}
	host, err := run("", "go", "env", "GOHOSTARCH")
	if err != nil {
		return err
	}
	// A module that needs u-root's: whose commands are all built by the versions that it says.
	module, _, _ := strings.Cut(uroot, "@")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module commands\n"), 0o644); err != nil {
		return err
	}
	if _, err := run(host, "go", "get", uroot); err != nil {
		return err
	}
	if _, err := run(host, "go", "build", "-o", "u-root", module); err != nil {
		return err
	}
	args := []string{"-o", file, "-base=/dev/null", "-initcmd=", "-defaultsh="}
	if len(names) == 1 && names[0] == "core" {
		all, err := run(arch, "go", "list", module+"/cmds/core/...")
		if err != nil {
			return err
		}
		args = append(args, slices.DeleteFunc(strings.Fields(all), func(p string) bool { // parts of a command
			return path.Dir(p) != module+"/cmds/core"
		})...)
	} else {
		for _, name := range names {
			args = append(args, module+"/cmds/core/"+name)
		}
	}
	_, err = run(arch, filepath.Join(dir, "u-root"), args...)
	return err
}

// commands adds the commands of an archive that u-root has made: its busybox, and a link to
// that by each name that the image does not have yet.
func (c Config) commands(files map[string]entry) error {
	if c.Commands == "" {
		return nil
	}
	b, err := os.ReadFile(c.Commands)
	if err != nil {
		return err
	}
	found := false
	err = readArchive(b, func(name string, mode fs.FileMode, data []byte) error {
		to := path.Join("bin", path.Base(name))
		switch _, taken := files[to]; {
		case path.Dir(name) != "bbin" || taken:
		case name == "bbin/bb":
			o, err := openObject(bytes.NewReader(data))
			if err != nil || o.machine() != machine(c.Arch) {
				return fmt.Errorf("%s: its commands are none for %s", c.Commands, c.Arch)
			}
			found = true
			files[to] = entry{mode: 0o755, data: string(data)}
		case mode.Type() == fs.ModeSymlink && string(data) == "bb" && to != "bin/init":
			files[to] = entry{mode: fs.ModeSymlink, data: "bb"}
		}
		return nil
	})
	if err == nil && !found {
		err = errors.New("no archive of commands that u-root has made")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Commands, err)
	}
	return nil
}

// errArchive is what is wrong with an archive that is none.
const errArchive = archiveError("malformed cpio archive")

type archiveError string

func (e archiveError) Error() string { return string(e) }

// readArchive calls f with each file of a cpio archive of the form newc.
func readArchive(b []byte, f func(name string, mode fs.FileMode, data []byte) error) error {
	const head = 110
	for {
		if len(b) < head || string(b[:6]) != "070701" && string(b[:6]) != "070702" {
			return errArchive
		}
		field := func(i int) int {
			v, err := strconv.ParseUint(string(b[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				return -1
			}
			return int(v)
		}
		mode, size, length := field(1), field(6), field(11)
		start := (head + length + 3) &^ 3
		end := (start + size + 3) &^ 3
		if mode < 0 || size < 0 || length < 1 || start > len(b) || end > len(b) {
			return errArchive
		}
		name := string(b[head : head+length-1])
		if name == "TRAILER!!!" {
			return nil
		}
		m := fs.FileMode(mode & 0o777)
		switch mode & 0o170000 {
		case 0o040000:
			m |= fs.ModeDir
		case 0o120000:
			m |= fs.ModeSymlink
		}
		if err := f(path.Clean(name), m, b[start:start+size]); err != nil {
			return err
		}
		b = b[end:]
	}
}
