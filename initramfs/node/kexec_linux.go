package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"ninespace/factotum/sshkey"
	"ninespace/initramfs/netboot"
)

// signers is where an image has the keys of those who may sign what the node boots next.
const signers = "/etc/ninespace/signers"

// kexec starts another kernel with an image: kexec kernel image [args ...].
func (n *node) kexec(_ context.Context, args []string) error {
	if len(args) < 2 {
		return errors.New("usage: kexec kernel image [args ...]")
	}
	if _, err := os.Lstat(signers); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("kexec %s: this node starts only what is signed, by boot manifest", args[0])
	}
	kernel, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer kernel.Close()
	image, err := os.Open(args[1])
	if err != nil {
		return err
	}
	defer image.Close()
	return n.start(kernel, image, strings.Join(args[2:], " "))
}

// boot starts what a manifest names, a file or a URL, if it is signed by one of the
// signers and no older than what runs: boot manifest [args ...].
func (n *node) boot(ctx context.Context, args []string) error {
	if len(args) < 1 {
		return errors.New("usage: boot manifest [args ...]")
	}
	p, err := n.prepare(ctx, args[0], args[1:])
	if err != nil {
		return fmt.Errorf("boot %s: %w", args[0], err)
	}
	defer p.Close()
	return n.start(p.kernel, p.image, p.cmdline)
}

// start has the kernel load another one and ends this one's work.
func (n *node) start(kernel, image *os.File, cmdline string) error {
	if err := unix.KexecFileLoad(int(kernel.Fd()), int(image.Fd()), cmdline, 0); err != nil {
		return fmt.Errorf("kexec %s: %w", kernel.Name(), err)
	}
	n.endSoon(errEnd(unix.LINUX_REBOOT_CMD_KEXEC))
	return nil
}

// prepare reads what a manifest names into memory, all of it checked.
func (n *node) prepare(ctx context.Context, name string, args []string) (*prepared, error) {
	text, err := os.ReadFile(signers)
	if err != nil {
		return nil, fmt.Errorf("nobody may sign: %w", err)
	}
	trusted, err := netboot.ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", signers, err)
	}
	return prepare(ctx, name, args, trusted, n.params.Serial)
}

// A prepared kernel and image lie in memory, where nobody changes them any more.
type prepared struct {
	kernel, image *os.File
	cmdline       string
}

func (p *prepared) Close() { p.kernel.Close(); p.image.Close() }

// maxSigned is the longest manifest or signature.
const maxSigned = 64 << 10

// prepare verifies a manifest before it looks at what it names, and that before it is
// used.
func prepare(ctx context.Context, name string, args []string, trusted []*sshkey.Public, last uint64) (*prepared, error) {
	text, err := readAll(ctx, name)
	if err != nil {
		return nil, err
	}
	signature, err := readAll(ctx, name+".sig")
	if err != nil {
		return nil, err
	}
	m, err := netboot.Verify(text, signature, trusted, last)
	if err != nil {
		return nil, err
	}
	p := &prepared{cmdline: strings.TrimSpace(m.Cmdline + " " + strings.Join(args, " "))}
	if err := m.Check(p.cmdline); err != nil {
		return nil, err
	}
	p.cmdline = strings.TrimSpace(fmt.Sprintf("%s nine.serial=%d", p.cmdline, m.Serial))
	base := baseOf(name)
	if p.kernel, err = readPart(ctx, base, m.Kernel); err != nil {
		return nil, err
	}
	if p.image, err = readPart(ctx, base, m.Images...); err != nil {
		p.kernel.Close()
		return nil, err
	}
	return p, nil
}

// baseOf is what the names in a manifest stand behind: its directory, or for a server of
// netboot the one that it serves.
func baseOf(name string) string {
	if i := strings.Index(name, "/f/"); isURL(name) && i >= 0 {
		return name[:i+3]
	}
	return name[:strings.LastIndex(name, "/")+1]
}

func isURL(name string) bool { return strings.HasPrefix(name, "http://") }

func open(ctx context.Context, name string) (io.ReadCloser, error) {
	if isURL(name) {
		r, _, err := netboot.Get(ctx, name)
		return r, err
	}
	return os.Open(name)
}

// readAll reads what is short.
func readAll(ctx context.Context, name string) ([]byte, error) {
	r, err := open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxSigned+1))
	if err == nil && len(b) > maxSigned {
		err = fmt.Errorf("%s: longer than %d bytes", name, maxSigned)
	}
	return b, err
}

// readPart reads parts of a manifest into a file in memory, one behind the other, as the
// kernel takes several images.
func readPart(ctx context.Context, base string, parts ...netboot.Part) (*os.File, error) {
	fd, err := unix.MemfdCreate("boot", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "boot")
	var size int64
	for _, part := range parts {
		// The kernel looks for the next archive at a multiple of four.
		if _, err = f.Write(make([]byte, -size&3)); err == nil {
			err = copyPart(ctx, f, base, part)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		size += -size&3 + part.Size
	}
	return f, nil
}

func copyPart(ctx context.Context, f *os.File, base string, part netboot.Part) error {
	name := part.Name
	if isURL(base) {
		name = (&url.URL{Path: name}).EscapedPath()
	}
	r, err := open(ctx, base+name)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(f, part.Reader(r))
	return err
}
