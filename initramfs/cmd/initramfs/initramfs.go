package initramfs

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"ninespace/initramfs"
	"ninespace/srv"
)

// Man is the manual page's source.
//
//go:embed doc.go
var Man string

// usual are the modules that a node may want: network cards of machines and of
// hypervisors, v9fs, disks, what name spaces are made of. Those that the kernel has built in
// or has not at all are left out.
const usual = "virtio_pci,virtio_mmio,virtio_net,virtio_blk,virtio_scsi,virtio_rng,virtio_console,9p,9pnet_fd,9pnet_virtio," +
	"fuse,overlay,squashfs,ext4,vfat,loop,nvme,ahci,sd_mod,usb_storage,xhci_pci,ehci_pci,usbhid,hid_generic," +
	"e1000,e1000e,igb,ixgbe,igc,r8169,tg3,bnx2,bnxt_en,mlx5_core,ena,vmxnet3,hv_netvsc,8139cp," +
	"vsock,vmw_vsock_virtio_transport,tun,veth,bridge,dummy,efivarfs,rtc_cmos,tpm_tis,tpm_crb,i6300esb"

// Main is the command.
func Main(ctx context.Context, std [3]*os.File, args []string) error {
	var c initramfs.Config
	fs := flag.NewFlagSet("initramfs", flag.ContinueOnError)
	out := fs.String("o", "", "write `image`")
	fs.StringVar(&c.Nine, "e", "", "the program's `file`")
	fs.StringVar(&c.Arch, "a", runtime.GOARCH, "amd64 or arm64")
	commands := fs.String("c", "minimal", "further `commands`")
	fs.StringVar(&c.Modules, "m", "", "`directory` of modules")
	need := fs.String("M", "", "`list` of those that come along")
	load := fs.String("L", "fuse", "`list` of those to load in any case")
	nsfile := fs.String("n", "", "namespace(6) `file`")
	keys := fs.String("k", "", "public keys' `file`")
	signers := fs.String("s", "", "signers' public keys' `file`")
	fs.Func("f", "`from:/to`", func(s string) error {
		x, err := initramfs.ParseExtra(s)
		c.Files = append(c.Files, x)
		return err
	})
	list := fs.Bool("l", false, "list what is in it")
	if err := srv.Parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return flag.ErrHelp
	}
	if *out == "" && !*list {
		return fmt.Errorf("%w: -o image is missing", flag.ErrHelp)
	}
	var err error
	if c.Nine == "" {
		if c.Nine, err = os.Executable(); err != nil {
			return err
		}
	}
	for _, text := range []struct {
		file string
		to   *string
	}{{*nsfile, &c.NS}, {*keys, &c.Keys}, {*signers, &c.Signers}} {
		if text.file == "" {
			continue
		}
		b, err := os.ReadFile(text.file)
		if err != nil {
			return err
		}
		if len(strings.TrimSpace(string(b))) == 0 {
			return fmt.Errorf("%s is empty", text.file)
		}
		*text.to = string(b)
	}
	if err := modules(fs, &c, *need, *load); err != nil {
		return err
	}
	if done, err := withCommands(ctx, &c, *commands); err != nil {
		return err
	} else {
		defer done()
	}
	if *list {
		return initramfs.List(std[1], c)
	}
	return initramfs.Create(*out, c)
}

// withCommands fills in where the further commands are: a file that has them, or one that is
// made of their names and gone when done.
func withCommands(ctx context.Context, c *initramfs.Config, what string) (done func(), err error) {
	switch {
	case what == "minimal":
		return func() {}, nil
	case strings.Contains(what, "/") || strings.HasSuffix(what, ".cpio"):
		c.Commands = what
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "commands.")
	if err != nil {
		return nil, err
	}
	done = func() { os.RemoveAll(dir) }
	c.Commands = filepath.Join(dir, "commands.cpio")
	if err := initramfs.MakeCommands(ctx, c.Commands, c.Arch, words(what)...); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

// words are what has commas or blanks between.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// modules fills in which modules come along.
func modules(fs *flag.FlagSet, c *initramfs.Config, need, load string) error {
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if c.Modules == "" {
		for _, name := range []string{"M", "L"} {
			if given[name] {
				return errors.New("-" + name + " wants -m")
			}
		}
		return nil
	}
	all, err := initramfs.OpenModules(c.Modules)
	if err != nil {
		return err
	}
	c.Need, c.Load = words(need), words(load)
	if !given["M"] {
		c.Need = all.Have(words(usual))
	}
	if !given["L"] {
		c.Load = all.Have(c.Load)
	}
	return nil
}
