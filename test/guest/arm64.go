package guest

import (
	"compress/gzip"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// installer is the package of Debian's installer for machines of arm64, which Debian has for machines
// of every kind: 130 MB.
const installer = "debian-installer-12-netboot-arm64"

// DebianArm64 is DebianKernel for machines of arm64: the kernel and modules that Debian's installer
// boots there. FUSE and 9P are not among those. Modules is a directory as below /lib/modules.
func DebianArm64(ctx context.Context) (*Kernel, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "ninespace", "arm64")
	if _, err := os.Stat(dir); err != nil {
		if err := place(dir, func(tmp, made string) error { return fetchArm64(ctx, tmp, made) }); err != nil {
			return nil, err
		}
	}
	modules, err := filepath.Glob(filepath.Join(dir, "lib/modules/*"))
	if err != nil || len(modules) != 1 {
		return nil, errors.New(installer + ": no modules in it")
	}
	return &Kernel{Image: filepath.Join(dir, "linux"), Modules: modules[0]}, nil
}

func fetchArm64(ctx context.Context, tmp, made string) error {
	deb, err := download(ctx, tmp, installer)
	if err != nil {
		return err
	}
	if _, err := run(ctx, tmp, "dpkg-deb", "-x", deb, "installer"); err != nil {
		return err
	}
	if err := os.Mkdir(made, 0o777); err != nil {
		return err
	}
	boots := filepath.Join(tmp, "installer/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64")
	f, err := os.Open(filepath.Join(boots, "initrd.gz"))
	if err != nil {
		return err
	}
	defer f.Close()
	image, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "cpio", "-i", "-d", "--quiet", "lib/modules/*")
	cmd.Dir, cmd.Stdin = made, image
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return os.Rename(filepath.Join(boots, "linux"), filepath.Join(made, "linux"))
}
