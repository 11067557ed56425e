package initramfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Create writes an image into a file, which is there whole or not at all. The end of its
// name says how it is compressed: .zst by zstd(1), the quickest to unpack, .gz by gzip(1), or .cpio
// for not at all. The same parts give the same bytes.
func Create(file string, c Config) (err error) {
	ext := filepath.Ext(file)
	switch ext {
	case ".zst", ".gz", ".cpio":
	default:
		return fmt.Errorf("%s: the name of an image ends in .zst, .gz or .cpio", file)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".")
	if err != nil {
		if bad := new(fs.PathError); errors.As(err, &bad) {
			err = &fs.PathError{Op: "create", Path: file, Err: bad.Err}
		}
		return err
	}
	defer func() {
		err = errors.Join(err, tmp.Close())
		if err == nil {
			err = os.Rename(tmp.Name(), file)
		}
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	switch ext {
	case ".zst":
		return compressed(tmp, c, "zstd", "-q", "-c", "-12", "-T0", "--no-check")
	case ".gz":
		return compressed(tmp, c, "gzip", "-nc9")
	}
	return Write(tmp, c)
}

// compressed has a program compress the image: a package for it would cost each command of
// nine its tables at its start, .2 ms for zstd's.
func compressed(f *os.File, c Config, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = f, &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w; an image whose name ends in .cpio does not need it", err)
	}
	err = Write(in, c)
	in.Close()
	if ended := cmd.Wait(); ended != nil && (err == nil || errors.Is(err, io.ErrClosedPipe)) {
		err = fmt.Errorf("%s: %w: %s", program, ended, strings.TrimSpace(said.String()))
	}
	return err
}
