package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ninespace/initramfs"
)

// urootTime is how long u-root's commands may take to be built, for which Go compiles its
// own library anew.
const urootTime = 15 * time.Minute

// errLater says that there is no image of u-root's for a run that ends soon.
var errLater = errors.New("not built yet: once without -q, or -u")

// urootInit is what u-root's init runs last: it loads the modules, has dhclient ask for an
// address, and netcat answer, and says how long that took.
const urootInit = `#!/bbin/gosh
for m in /modules/*.ko; do insmod $m; done
dhclient -ipv6=false eth0
while true; do
	echo here | netcat -l 0.0.0.0 17011
	read up </proc/uptime
	echo uroot: answered after $up
done
`

// core gives the archive of u-root's core commands. It is made once and kept in the user's cache
// directory, below ninespace/uroot.
func (b *bench) core() (file string, err error) {
	if b.commands != "" {
		return b.commands, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	file = filepath.Join(cache, "ninespace/uroot/core.cpio")
	if _, err := os.Stat(file); err != nil && b.quick {
		return "", errLater
	} else if err != nil {
		return file, makeCommands(b.ctx, file)
	}
	return file, nil
}

// uroot makes an image of u-root's, of its core commands, unless that has been done.
func (b *bench) uroot() error {
	image := filepath.Join(b.dir, "uroot.cpio")
	if _, err := os.Stat(image); err == nil {
		return nil
	}
	commands, err := b.core()
	if err != nil {
		return err
	}
	core, err := os.ReadFile(commands)
	if err != nil {
		return err
	}
	var more strings.Builder // a second archive: the kernel unpacks one behind the other
	a := initramfs.NewArchive(&more)
	a.Link("init", "bbin/bb")
	a.Dir("modules", 0o755)
	a.File("bbin/uinit", 0o755, urootInit)
	err = errors.Join(b.kernel.AddModules(a, strings.Split(modules, ",")...), a.Close())
	if err != nil {
		return err
	}
	return os.WriteFile(image, append(core, more.String()...), 0o644)
}

// makeCommands builds u-root's commands, whole or not at all.
func makeCommands(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, urootTime)
	defer cancel()
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(file), "new.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, "core.cpio")
	if err := initramfs.MakeCommands(ctx, made, "amd64", "core"); err != nil {
		return fmt.Errorf("u-root's commands: %w", err)
	}
	return os.Rename(made, file)
}

// countUroot boots u-root's image until it has answered a connection, and gives how often that
// would be done in a minute of the guest's.
func (b *bench) countUroot() (float64, error) {
	if err := b.uroot(); err != nil {
		return 0, err
	}
	return b.counted("uroot.cpio", urootLine, answers)
}

// urootSize is how many times u-root's image is in 100 MB.
func (b *bench) urootSize() (float64, error) {
	if err := b.uroot(); err != nil {
		return 0, err
	}
	if err := b.do("zstd", "-q", "-f", "-12", "-T0", "-o", filepath.Join(b.dir, "uroot.cpio.zst"), filepath.Join(b.dir, "uroot.cpio")); err != nil {
		return 0, err
	}
	return b.size("uroot.cpio.zst")()
}

// fullSize is how many images with nine and u-root's core commands are in 100 MB.
func (b *bench) fullSize() (float64, error) {
	commands, err := b.core()
	if err != nil {
		return 0, err
	}
	if err := b.image("full.cpio.zst", b.nine, "-c", commands); err != nil {
		return 0, err
	}
	return b.size("full.cpio.zst")()
}
