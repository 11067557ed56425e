package guest

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"ninespace/initramfs"
)

// A Kernel is Debian's kernel for this kind of machine, unpacked.
type Kernel struct {
	Image   string // the file of the uncompressed vmlinux, which qemu's -kernel starts by its PVH entry
	BzImage string // the same as boot loaders take it
	Modules string // the directory of the module files, each NAME.ko, without directories
}

// DebianKernel finds Debian's kernel in the user's cache directory, below
// ninespace/kernel, or else has apt download the one package that
// linux-image-amd64 depends on, and unpacks what guests need of it: 60 MB of
// kernel, 50 MB of modules. What is cached is used as it is; who wants a newer
// kernel removes the directory.
func DebianKernel(ctx context.Context) (*Kernel, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "ninespace", "kernel")
	k := &Kernel{Image: filepath.Join(dir, "vmlinux"), BzImage: filepath.Join(dir, "vmlinuz"), Modules: filepath.Join(dir, "modules")}
	if k.complete() {
		return k, nil
	}
	return k, place(dir, func(tmp, made string) error {
		name, err := newest(ctx, tmp)
		if err != nil {
			return err
		}
		deb, err := download(ctx, tmp, name)
		if err != nil {
			return err
		}
		return unpack(ctx, deb, made)
	})
}

// place has a directory made, beside its place and moved there whole, so that what is there is
// complete.
func place(dir string, make func(tmp, made string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, "made")
	if err := make(tmp, made); err != nil {
		return err
	}
	if err := os.Rename(dir, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(made, dir); err != nil && !errors.Is(err, os.ErrExist) { // another has been quicker
		return err
	}
	return nil
}

// complete tells whether all is there: what an older program left may have less.
func (k *Kernel) complete() bool {
	for _, file := range []string{k.Image, k.BzImage, filepath.Join(k.Modules, "t10-pi.ko")} {
		if _, err := os.Stat(file); err != nil {
			return false
		}
	}
	return true
}

// AddModules puts the named modules and all that they need below /modules of an image, by
// names in the order in which to load them. What is built into the kernel must not be named.
func (k *Kernel) AddModules(a *initramfs.Archive, names ...string) error {
	modules, err := initramfs.OpenModules(k.Modules)
	if err != nil {
		return err
	}
	list, err := modules.With(names...)
	for i, m := range list {
		a.File(fmt.Sprintf("modules/%02d-%s.ko", i, m.Name), 0o644, string(m.Data))
	}
	return err
}

// image is the package of one kernel, as linux-image-amd64 names it.
var image = regexp.MustCompile(`linux-image-[0-9][-+.0-9a-z]*-amd64`)

// newest is the package that linux-image-amd64 depends on.
func newest(ctx context.Context, dir string) (name string, err error) {
	err = twice(ctx, dir, func() error {
		out, err := run(ctx, dir, "apt-cache", "depends", "linux-image-amd64")
		if name = image.FindString(out); err == nil && name == "" {
			err = errors.New("apt knows no kernel: linux-image-amd64 depends on none")
		}
		return err
	})
	return name, err
}

// download has apt put a package into dir, and returns its path.
func download(ctx context.Context, dir, name string) (string, error) {
	err := twice(ctx, dir, func() error {
		_, err := run(ctx, dir, "apt-get", "download", "-q", name)
		return err
	})
	if err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("apt-get download left %d packages", len(debs))
	}
	return debs[0], nil
}

// twice does what needs apt's lists, once more with newer ones where the first try fails and this user
// may fetch them.
func twice(ctx context.Context, dir string, try func() error) error {
	err := try()
	if err != nil && os.Geteuid() == 0 {
		if _, err = run(ctx, dir, "apt-get", "update", "-q"); err == nil {
			err = try()
		}
	}
	return err
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var x *exec.ExitError
	if errors.As(err, &x) {
		err = fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(string(x.Stderr)))
	}
	return string(out), err
}

// kept is which modules are kept, of 300 MB, by their place in the kernel's tree.
var kept = regexp.MustCompile(`/kernel/(block|fs|net/(9p|core|vmw_vsock)|lib|crypto|drivers/(virtio|char|block|scsi/(scsi_|sd_mod|virtio_scsi)[^/]*|net/[^/]+\.ko|net/ethernet/intel/e1000))`)

// unpack puts the kernel and the modules that are kept into dir.
func unpack(ctx context.Context, deb, dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "modules"), 0o777); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = unpackTar(ctx, tar.NewReader(pipe), dir)
	if err == nil {
		_, err = io.Copy(io.Discard, pipe)
	} else {
		cmd.Process.Kill()
	}
	return errors.Join(err, cmd.Wait())
}

func unpackTar(ctx context.Context, t *tar.Reader, dir string) error {
	found := false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch {
		case strings.Contains(h.Name, "/boot/vmlinuz-"):
			b, err := io.ReadAll(t)
			if err != nil {
				return err
			}
			if err := extract(ctx, b, filepath.Join(dir, "vmlinux")); err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "vmlinuz"), b, 0o666); err != nil {
				return err
			}
			found = true
		case strings.HasSuffix(h.Name, ".ko") && kept.MatchString(h.Name):
			f, err := os.Create(filepath.Join(dir, "modules", path.Base(h.Name)))
			if err != nil {
				return err
			}
			_, err = io.Copy(f, t)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
	}
	if !found {
		return errors.New("no kernel in it")
	}
	return nil
}
