package main

import (
	"fmt"
	"os"
	"os/exec"
)

// packages is every Debian package that the tests need.
var packages = []debian{
	{"gcc", "/usr/bin/gcc", "go test -race links with it"},
	{"libc6-dev", "/usr/include/stdlib.h", "go test -race links with it"},
	{"diod", "/usr/sbin/diod", "the foreign 9P2000.L server and client"},
	{"qemu-system-x86", "/usr/bin/qemu-system-x86_64", "the guest in which Linux mounts our servers"},
	{"qemu-system-arm", "/usr/bin/qemu-system-aarch64", "a guest of the other kind"},
	{"ipxe-qemu", "/usr/lib/ipxe/qemu/pxe-virtio.rom", "the firmware of the card that a guest boots from"},
	{"swtpm", "/usr/bin/swtpm", "the TPM of a guest"},
	{"tpm2-tools", "/usr/bin/tpm2_createek", "the foreign user of such a one"},
	{"dnsmasq-base", "/usr/sbin/dnsmasq", "the foreign server of DHCPv6"},
	{"iproute2", "/usr/sbin/ip", "networks for it and for others"},
	{"cpio", "/usr/bin/cpio", "the foreign reader of images"},
	{"xz-utils", "/usr/bin/xz", "that guest's kernel is packed with it"},
	{"zstd", "/usr/bin/zstd", "images are packed with it"},
	{"dbench", "/usr/bin/dbench", "a load for what the guest has mounted"},
	{"stress-ng", "/usr/bin/stress-ng", "another, which verifies"},
	{"mergerfs", "/usr/bin/mergerfs", "the foreign FUSE union that name spaces are measured beside"},
	{"redis-server", "/usr/bin/redis-server", "the server that queues and pipes are measured beside"},
	{"oathtool", "/usr/bin/oathtool", "the foreign one-time passwords"},
	{"curl", "/usr/bin/curl", "the foreign HTTP digest"},
	{"openssl", "/usr/bin/openssl", "the foreign TLS with a shared key"},
	{"openssh-client", "/usr/bin/ssh-add", "the foreign user of the ssh-agent"},
	{"openssh-server", "/usr/sbin/sshd", "the server that it logs in to"},
	{"sshfs", "/usr/bin/sshfs", "files along with ssh, that cpu is measured beside"},
	{"git", "/usr/bin/git", "a program in name spaces"},
	{"make", "/usr/bin/make", "another"},
	{"python3", "/usr/bin/python3", "another"},
	{"sqlite3", "/usr/bin/sqlite3", "another, which locks"},
	{"liblockfile-bin", "/usr/bin/dotlockfile", "others, by files: mail programs' own"},
	{"procmail", "/usr/bin/lockfile", "and that of scripts"},
	{"rsync", "/usr/bin/rsync", "another, which compares trees"},
	{"attr", "/usr/bin/setfattr", "extended attributes for those trees"},
	{"bc", "/usr/bin/bc", "what adds up in the tutorial of a server in rc"},
	{"vim", "/usr/bin/vim", "another, which wants a terminal"},
	{"tmux", "/usr/bin/tmux", "that terminal"},
	{"man-db", "/usr/bin/man", "the reader of our pages, with groff"},
	{"mandoc", "/usr/bin/mandoc", "another, which is stricter"},
	{"fish", "/usr/bin/fish", "a shell that completes our words"},
	{"zsh", "/usr/bin/zsh", "another"},
	{"lintian", "/usr/bin/lintian", "the judge of our Debian package"},
	{"systemd", "/usr/bin/systemd-analyze", "that of the units in it"},
	{"9base", "/usr/lib/plan9/bin/mk", "mk, for the mkfile; Plan 9's rc, to compare with"},
	{"rc", "/usr/bin/rc.byron", "Byron Rakitzis's rc, to measure ours beside"},
}

type debian struct {
	name string
	has  string // a file of it: there if the package is
	why  string
}

// install installs those of the packages that are missing, if it may. It is
// no failure if it can't: a test that misses one is skipped, with its reason.
func install(packages []debian) {
	updated := false
	for _, p := range packages {
		if _, err := os.Stat(p.has); err == nil {
			continue
		}
		if os.Geteuid() != 0 {
			fmt.Printf("missing: Debian's %s (%s); only root can install it\n", p.name, p.why)
			continue
		}
		fmt.Printf("installing Debian's %s: %s\n", p.name, p.why)
		if !updated {
			updated = true
			apt("update", "-q")
		}
		apt("install", "-q", "-y", "--no-install-recommends", p.name)
	}
}

// apt runs apt-get, and shows what it printed only if that failed.
func apt(args ...string) {
	cmd := exec.Command("apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Printf("%s: %v\n%s", cmd, err, out)
	}
}
