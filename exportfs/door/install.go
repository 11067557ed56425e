package door

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// What ssh runs to see what is there, and to put nine there: a copy that is not what was
// sent is not kept, and one that is being replaced is whole until then.
const (
	look = `sh -c 'uname -sm; sha256sum <"$HOME/.local/lib/ninespace/nine"' 2>/dev/null`
	put  = `sh -c 'd="$HOME/.local/lib/ninespace" && mkdir -p "$d" && t=$(mktemp "$d/.nine.XXXXXX") &&
cat >"$t" && test "$(sha256sum <"$t")" = "%x  -" && chmod 755 "$t" && mv -f "$t" "$d/nine" || { rm -f "$t"; exit 1; }'`
)

// Install sees to it that the program exe is at a host that ssh gets to, as ~/.local/lib/ninespace/nine,
// where Dial finds it. It is not sent if it is there already.
func (d *Dialer) Install(ctx context.Context, host, exe string) error {
	host = strings.TrimPrefix(host, "ssh!")
	f, err := os.Open(exe)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	sum := h.Sum(nil)
	out, err := d.run(ctx, host, look, nil)
	system, there, _ := strings.Cut(string(out), "\n")
	if system == "" {
		if err == nil {
			err = errors.New("no answer")
		}
		return fmt.Errorf("ssh!%s: %w", host, err)
	}
	if want := "Linux " + machine(); system != want {
		return fmt.Errorf("ssh!%s: is %s and this nine for %s: build one there, or with GOARCH", host, system, want)
	}
	if strings.HasPrefix(there, fmt.Sprintf("%x ", sum)) {
		d.log("nine is at %s already", host)
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	d.log("%d bytes of nine to %s", size, host)
	if _, err := d.run(ctx, host, fmt.Sprintf(put, sum), f); err != nil {
		return fmt.Errorf("ssh!%s: nine did not get there whole: %v", host, err) // a status that is not the command's
	}
	return nil
}

// run has ssh run a command.
func (d *Dialer) run(ctx context.Context, host, command string, in *os.File) ([]byte, error) {
	args, err := d.SSHArgs(host, command)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	if cmd.Stderr = d.Stderr; in != nil {
		cmd.Stdin = in
	}
	return cmd.Output()
}

// machine is what uname(1) calls the processor that this program is for.
func machine() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	case "arm":
		return "armv7l"
	}
	return runtime.GOARCH
}
