package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ninespace/srv/srvtest"
	"ninespace/test/guest"
)

// A lab is a network of its own with a bridge, nine netboot at it as 10.9.0.1, and machines
// that boot from that: nine's own image and Debian's kernel.
type lab struct{ *guests }

// newLab makes one, without machines. The image has the files, too.
func newLab(t *testing.T, files ...string) *lab {
	t.Helper()
	l := &lab{newGuests(t, 12*time.Minute)}
	for _, dir := range []string{l.home + "/.ssh", l.dir + "/boot"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"ca", "release", "other", "root", "home/.ssh/id_ed25519"} {
		l.must(exec.CommandContext(l.ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(l.dir, key)))
	}
	l.file("known", "[10.9.0.1]:5641 "+l.read("root.pub"))
	l.file("home/.ssh/known_hosts", "@cert-authority 10.9.0.* "+l.read("ca.pub"))
	if err := copyFile(l.kernel.BzImage, filepath.Join(l.dir, "boot/kernel")); err != nil {
		t.Fatal(err)
	}
	args := []string{"initramfs", "-o", l.dir + "/boot/node.cpio", "-m", l.kernel.Modules, "-M", "virtio_pci,virtio_net,virtio_rng,9p,9pnet_fd,overlay",
		"-k", l.home + "/.ssh/id_ed25519.pub", "-s", l.dir + "/release.pub",
		"-f", l.dir + "/known:/etc/ssh/ssh_known_hosts"}
	for _, f := range files {
		args = append(args, "-f", f)
	}
	l.must(l.cmd(args...))
	l.file("ndb", "ipnet=lab ip=10.9.0.0 ipmask=255.255.255.0\n"+
		"class=worker kernel=kernel image=node.cpio manifest=worker.manifest ek\n\tcmdline=\"console=ttyS0 panic=-1 quiet mitigations=off no_timer_check\"\n")
	for _, line := range []string{
		"link set lo up",
		"link add br0 type bridge forward_delay 0",
		"addr add 10.9.0.1/24 dev br0",
		"link set br0 up",
	} {
		l.must(exec.Command("ip", strings.Fields(line)...))
	}
	return l
}

// labPrograms skips a test where a lab cannot be, and has it go on where it can.
func labPrograms(t *testing.T, limit time.Duration) bool {
	t.Helper()
	program(t, "qemu-system-x86_64", "qemu-system-x86")
	program(t, "ip", "iproute2")
	program(t, "ssh-keygen", "openssh-client")
	if _, err := os.Stat("/usr/lib/ipxe/qemu/pxe-virtio.rom"); err != nil {
		t.Skip("Debian's ipxe-qemu is missing: ", err)
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		t.Skip("the guests' network cards: ", err)
	}
	tun.Close()
	debianKernel(t) // now, for in there nothing can be downloaded
	return srvtest.Netns(t, limit)
}

// file writes a file of the lab's directory, and read reads one.
func (l *lab) file(name, text string) {
	l.Helper()
	if err := os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o644); err != nil {
		l.Fatal(err)
	}
}

func (l *lab) read(name string) string {
	l.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.Fatal(err)
	}
	return string(text)
}

// sign signs the manifest with a key of the lab's.
func (l *lab) sign(key string) {
	l.Helper()
	l.must(l.cmd("netboot", "-S", filepath.Join(l.dir, key), "-f", l.dir+"/ndb", "-d", l.dir+"/boot"))
}

// netboot starts the server.
func (l *lab) netboot() {
	l.Helper()
	server := l.cmd("netboot", "-e", "br0", "-f", l.dir+"/ndb", "-d", l.dir+"/boot", "-c", l.dir+"/ca", "-k", l.dir+"/release.pub", "-j", l.dir+"/joined")
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			l.Error(err)
		}
	})
	l.until("netboot is posted", func() bool { _, err := os.Stat(l.dir + "/netboot"); return err == nil })
}

// tell writes a line to a file of a posted server, and ask reads one.
func (l *lab) tell(name, line string) {
	l.Helper()
	cmd := l.cmd("9p", "write", name)
	cmd.Stdin = strings.NewReader(line + "\n")
	l.must(cmd)
}

func (l *lab) ask(name string) string { l.Helper(); return l.must(l.cmd("9p", "read", name)) }

// A diskless machine of a lab is 10.9.0.10 and its number, by the name node and its number.
type diskless struct {
	*lab
	name, ether, addr string
	console           string
	done              chan error // how the guest ended
	off               func()
}

// add puts a machine into the database, and its card to the bridge.
func (l *lab) add(n int) *diskless {
	l.Helper()
	m := &diskless{lab: l, name: fmt.Sprint("node", n), ether: fmt.Sprintf("52540012340%d", n), addr: fmt.Sprintf("10.9.0.1%d", n), console: filepath.Join(l.dir, fmt.Sprint("console", n))}
	l.file("ndb", l.read("ndb")+fmt.Sprintf("ether=%s ip=%s sys=%s class=worker\n", m.ether, m.addr, m.name))
	l.must(exec.Command("ip", "tuntap", "add", fmt.Sprint("tap", n), "mode", "tap"))
	l.must(exec.Command("ip", "link", "set", fmt.Sprint("tap", n), "master", "br0", "up"))
	l.Cleanup(func() {
		m.kill()
		if l.Failed() {
			text, _ := os.ReadFile(m.console)
			l.Logf("the console of %s:\n%s", m.name, text)
		}
	})
	return m
}

// on switches the machine on.
func (m *diskless) on(qemu ...string) {
	m.Helper()
	os.Remove(m.console)
	ctx, off := context.WithCancel(m.ctx)
	m.off, m.done = off, make(chan error, 1)
	guestm := guest.Machine{Memory: 384, Console: m.console, Qemu: qemu, Nic: fmt.Sprintf("tap,ifname=tap%c,script=no,downscript=no,model=virtio-net-pci,mac=52:54:00:12:34:%s", m.ether[11], m.ether[10:])}
	go func() { m.done <- guest.Boot(ctx, guestm, func(string) {}) }()
}

// kill takes the machine's power away.
func (m *diskless) kill() {
	if m.done == nil {
		return
	}
	m.off()
	<-m.done
	m.done = nil
}

// ended waits for the machine to switch itself off.
func (m *diskless) ended() {
	m.Helper()
	select {
	case err := <-m.done:
		m.done = nil
		m.off()
		if err != nil {
			m.Error(err)
		}
	case <-m.ctx.Done():
		m.Error("it does not halt")
	}
}

// said waits for a line on the console, and gives what the pattern's parentheses matched.
func (m *diskless) said(pattern string) (found string) {
	m.Helper()
	re := regexp.MustCompile(pattern)
	m.until(pattern, func() bool {
		select {
		case err := <-m.done:
			m.done = nil
			m.Fatalf("the guest has ended, %v, and did not say %s", err, pattern)
		default:
		}
		text, _ := os.ReadFile(m.console)
		got := re.FindSubmatch(text)
		if len(got) > 1 {
			found = string(bytes.TrimRight(got[1], "\r"))
		}
		return got != nil
	})
	return found
}

// types types at the console.
func (m *diskless) types(line string) {
	m.Helper()
	c, err := net.Dial("unix", m.console+".typed")
	if err == nil {
		m.Cleanup(func() { c.Close() }) // what the machine has not read yet would go with it
		go io.Copy(io.Discard, c)       // and what it says wait for a reader
		_, err = io.WriteString(c, line)
	}
	if err != nil {
		m.Error(err)
	}
}

// cpu runs a command on the machine, once it lets one in.
func (m *diskless) cpu(args ...string) (out string, code int) {
	m.Helper()
	args = append([]string{"cpu", "-u", "root", "-h", "tcp!" + m.addr + "!17011"}, args...)
	m.until(fmt.Sprint(args), func() bool {
		cmd := m.cmd(args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		text, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			m.Fatal(err)
		}
		if strings.HasPrefix(stderr.String(), "cpu: dial ") {
			return false // its cpud is not there yet
		}
		if stderr.Len() > 0 {
			m.Logf("%q: %s", args, &stderr)
		}
		out, code = string(text), cmd.ProcessState.ExitCode()
		return true
	})
	return out, code
}
