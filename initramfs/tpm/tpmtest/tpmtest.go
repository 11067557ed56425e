// Package tpmtest gives tests TPMs of software, swtpm's, each with a seed of its own.
package tpmtest

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ninespace/initramfs/tpm"
)

// Start starts a TPM, which ends with the test, and gives the socket where one program at a
// time speaks to it; what tpm2-tools call its control is at SOCKET.ctrl. The test is skipped
// where Debian's swtpm is missing.
func Start(t testing.TB) (socket string) {
	t.Helper()
	dir := dir(t)
	socket = filepath.Join(dir, "socket")
	run(t, dir, "--flags", "startup-clear", "--server", "type=unixio,path="+socket, "--ctrl", "type=unixio,path="+socket+".ctrl")
	return socket
}

// Qemu starts a TPM for a guest, as Start does, and gives the arguments of qemu that have it
// be the guest's. It stays the same one when the guest begins anew.
func Qemu(t testing.TB) []string {
	t.Helper()
	dir := dir(t)
	socket := filepath.Join(dir, "socket")
	run(t, dir, "--ctrl", "type=unixio,path="+socket)
	Dial(t, socket).Close()
	return []string{"-chardev", "socket,id=tpmsocket,path=" + socket, "-tpmdev", "emulator,id=tpm0,chardev=tpmsocket", "-device", "tpm-tis,tpmdev=tpm0"}
}

// dir is for a TPM's state; t.TempDir's name may be too long for a socket.
func dir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "tpm.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func run(t testing.TB, dir string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("swtpm"); err != nil {
		t.Skip("Debian's swtpm is missing: ", err)
	}
	cmd := exec.Command("swtpm", append([]string{"socket", "--tpm2", "--tpmstate", "dir=" + dir}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// Open opens the TPM at a socket, until the test ends.
func Open(t testing.TB, socket string) *tpm.TPM {
	t.Helper()
	p, err := tpm.New(Dial(t, socket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// Fill has the TPM at a socket hold one more key of another program, until empty is called. It
// is to be called while nobody else speaks to the TPM.
func Fill(t testing.TB, socket string) (empty func()) {
	t.Helper()
	// TPM2_CreatePrimary of the owner's, without a password: SHA-256, fixedTPM fixedParent
	// sensitiveDataOrigin userWithAuth sign, ECDSA, P-256.
	const public = "\x00\x23\x00\x0b\x00\x04\x00\x72\x00\x00\x00\x10\x00\x18\x00\x0b\x00\x03\x00\x10\x00\x00\x00\x00"
	const params = "\x40\x00\x00\x01" + "\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00" +
		"\x00\x04\x00\x00\x00\x00" + "\x00\x18" + public + "\x00\x00" + "\x00\x00\x00\x00"
	key := command(t, socket, "\x80\x02\x00\x00\x00\x41\x00\x00\x01\x31"+params)[:4]
	return func() { command(t, socket, "\x80\x01\x00\x00\x00\x0e\x00\x00\x01\x65"+string(key)) } // TPM2_FlushContext
}

// command has a TPM do a command, and gives its answer without the head.
func command(t testing.TB, socket, cmd string) []byte {
	t.Helper()
	c := Dial(t, socket)
	defer c.Close()
	if _, err := io.WriteString(c, cmd); err != nil {
		t.Fatal(err)
	}
	var head [10]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatal(err)
	}
	if code := binary.BigEndian.Uint32(head[6:]); code != 0 {
		t.Fatalf("TPM's code %#x", code)
	}
	answer := make([]byte, binary.BigEndian.Uint32(head[2:])-uint32(len(head)))
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// Dial calls a socket, once somebody listens there.
func Dial(t testing.TB, socket string) net.Conn {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		c, err := net.Dial("unix", socket)
		if err == nil {
			return c
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatal(err)
		}
	}
}
