package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ninespace/initramfs/netboot"
	"ninespace/initramfs/tpm/tpmtest"
)

// TestBoot switches on a machine without a disk: its card's iPXE asks nine netboot for an
// address and a script, loads kernel and image, and init makes it a node, which joins by
// its TPM and is used from here: commands, a build and its resources as files. Then it
// boots anew what is signed, and nothing else.
func TestBoot(t *testing.T) {
	program(t, "swtpm", "swtpm")
	if !labPrograms(t, 14*time.Minute) {
		return
	}
	begun := time.Now()
	stage := func(what string) { t.Logf("%5.1f s: %s", time.Since(begun).Seconds(), what) }
	l := newLab(t, staticPrograms(t, "make", "sh", "cat")...)
	node1 := l.add(1)
	l.sign("release")
	l.netboot()
	stage("made")
	node1.on(tpmtest.Qemu(t)...)
	node1.said(`init: key (\S+ \S+)`)
	stage("init")
	node1.joinsByTPM()
	stage("joined")
	if out, code := node1.cpu("cat", "/proc/version"); code != 0 || !strings.HasPrefix(out, "Linux version ") {
		t.Errorf("cpu: status %d: %s", code, out)
	}
	stage("cpu")
	for name, want := range map[string][]string{
		"netboot/log": {"dhcp: offer 10.9.0.11 boot http://10.9.0.1/boot/" + node1.ether, "join: a token is sealed for its TPM",
			`http: "kernel" to 10.9.0.11`, `http: "node.cpio" to 10.9.0.11`, "node1,10.9.0.11 has the key SHA256:"},
		"netboot/nodes/" + node1.ether + "/status": {"sys=node1 ip=10.9.0.11 class=worker", "state=joined known=true boots=1 ", " ek="},
		"netboot/joined": {"node=" + node1.ether + " sys=node1 ip=10.9.0.11\n\thostkey=\"ssh-ed25519 "},
	} {
		for text, i := l.ask(name), 0; i < len(want); i++ {
			if !strings.Contains(text, want[i]) {
				t.Errorf("%s has no %s:\n%s", name, want[i], text)
			}
		}
	}
	if got := l.read("joined"); !strings.HasPrefix(got, "node="+node1.ether) {
		t.Errorf("listed: %s", got)
	}
	node1.builds()
	stage("built")
	node1.imported()
	stage("imported")
	node1.full()
	stage("filled")
	node1.recovers()
	stage("recovered")
	node1.bootsAgain()
	stage("booted again")
	node1.rooted()
	stage("rooted")
	stop := node1.asks("halt")
	node1.ended()
	stop()
}

// joinsByTPM has ndb get to know the machine's TPM, as it says on its console and in netboot's
// log: then it joins.
func (m *diskless) joinsByTPM() {
	m.Helper()
	ek := m.said(`init: join: ek=(\w+): .*: join: this machine's TPM is not in ndb; again in`)
	if log := m.ask("netboot/nodes/" + m.ether + "/log"); !strings.Contains(log, "this machine's TPM is not in ndb: ek="+ek) {
		m.Errorf("netboot says:\n%s", log)
	}
	m.file("ndb", strings.Replace(m.read("ndb"), "sys=node1", "sys=node1 ek="+ek, 1))
	m.tell("netboot/ctl", "reload")
	m.said(`init: joined as node1,10\.9\.0\.11 by its TPM; `)
}

// asks tells the machine to end, and does not wait for the answer, which may be lost with it.
func (m *diskless) asks(line string) (stop func()) {
	m.Helper()
	cmd := m.cmd("cpu", "-u", "root", "-h", "tcp!"+m.addr+"!17011", "rc", "-c", "echo '"+line+"' | nine 9p write node/ctl")
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	return func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

// staticPrograms gives initramfs's arguments for programs of this machine and the libraries that
// they need.
func staticPrograms(t *testing.T, names ...string) (files []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, name := range names {
		file := program(t, name, name)
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, real+":/bin/"+name)
		out, _ := exec.Command("ldd", real).Output()
		for _, lib := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
			if real, err := filepath.EvalSymlinks(lib); err == nil && !seen[lib] {
				seen[lib] = true
				files = append(files, real+":"+lib)
			}
		}
	}
	return files
}

// builds has the node make something of files that are here.
func (m *diskless) builds() {
	m.Helper()
	dir := filepath.Join(m.home, "src")
	if err := os.Mkdir(dir, 0o755); err != nil {
		m.Fatal(err)
	}
	for name, text := range map[string]string{
		"Makefile": "all: a.o b.o\n\tcat a.o b.o >$@.tmp && echo built on $$(cat /proc/sys/kernel/hostname) >>$@.tmp\n%.o: %.c\n\tcat $< >$@\n",
		"a.c":      "one\n", "b.c": "two\n"} {
		m.file("home/src/"+name, text)
	}
	out, code := m.cpu("sh", "-c", "cd src && make -j2; status=$?; cat all.tmp; exit $status")
	if built := m.read("home/src/all.tmp"); code != 0 || built != "one\ntwo\nbuilt on node1\n" || !strings.HasSuffix(out, built) {
		m.Errorf("make: status %d, %q:\n%s", code, built, out)
	}
	if _, code := m.cpu("rc", "-c", "exit 7"); code != 7 {
		m.Errorf("exit 7: status %d", code)
	}
}

// full has all that takes what is written be full: who writes is told, and the node goes on.
func (m *diskless) full() {
	m.Helper()
	for _, dir := range []string{"", "/tmp", "/run", "/dev/shm"} {
		if out, code := m.cpu("sh", "-c", "cat /dev/zero 2>&1 >"+dir+"/full"); code != 1 || !strings.Contains(out, "No space left on device") {
			m.Errorf("%s is full: status %d: %s", dir, code, out)
		}
	}
	if out, code := m.cpu("sh", "-c", "read up </proc/uptime && for dir in '' /tmp /run /dev/shm; do >$dir/full; done; echo goes on"); code != 0 || out != "goes on\n" {
		m.Errorf("with all of it full: status %d: %s", code, out)
	}
}

// imported has the node's resources here as files.
func (m *diskless) imported() {
	m.Helper()
	host := "tcp!" + m.addr + "!17011"
	m.must(exec.Command("mkdir", "-p", m.home+"/n/proc", m.home+"/n/net", m.home+"/n/dev"))
	cmd := m.cmd("newns", "sh", "-ec", `
		for tree in /mnt/proc /net '#s/dev'; do nine import -u root '`+host+`' "$tree" n/${tree##*/}; done
		cat n/dev/sysname; echo
		tr '\0' ' ' <n/proc/1/cmdline; echo
		cat n/net/ipselftab
		echo stop-nothing >n/proc/1/ctl || echo refused`)
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"node1\n", "init", "10.9.0.11", "refused"} {
		if !strings.Contains(string(out), want) || err != nil {
			m.Errorf("import: %v: no %s:\n%s", err, want, out)
		}
	}
}

// recovers ends a service and then what keeps the services: both come again.
func (m *diskless) recovers() {
	m.Helper()
	status, code := m.cpu("nine", "9p", "read", "node/status")
	for _, want := range []string{`step +modules +done`, `step +network +done`, `step +join +done`, `service cpud +running`, `service factotum +running`, `service kernel +running`} {
		if !regexp.MustCompile(want).MatchString(status) || code != 0 {
			m.Errorf("status %d has no %s:\n%s", code, want, status)
		}
	}
	if out, code := m.cpu("rc", "-c", "echo restart ram | nine 9p write node/ctl"); code != 0 {
		m.Errorf("restart ram: status %d: %s", code, out)
	}
	m.said(`init: ram: .*; again in`)
	if out, code := m.cpu("rc", "-c", "echo restart nothing | nine 9p write node/ctl"); code == 0 {
		m.Errorf("a service that there is not was restarted: %s", out)
	}
	m.cpu("rc", "-c", "for(i in /mnt/proc/[0-9]*) { a=`{read <$i/args}; if(~ $#a 2 && ~ $a(2) -n) echo kill >$i/ctl }")
	m.said(`(?s)node's process ended.*eth0 is`)
	if status, code := m.cpu("nine", "9p", "read", "node/status"); code != 0 || !strings.Contains(status, "service cpud       running") {
		m.Errorf("after the end of who keeps it: status %d:\n%s", code, status)
	}
}

// bootsAgain has the node refuse what is not signed by the right one, and start what is, which
// joins by a token; that is good for no second time.
func (m *diskless) bootsAgain() {
	m.Helper()
	m.tell("netboot/nodes/"+m.ether+"/ctl", "token 5m")
	token := strings.TrimSpace(m.ask("netboot/nodes/" + m.ether + "/token"))
	const manifest = "http://10.9.0.1/f/worker.manifest"
	boot := func(line string) (string, int) {
		return m.cpu("rc", "-c", "echo '"+line+"' | nine 9p write node/ctl >[2=1]")
	}
	m.sign("other")
	for line, want := range map[string]string{
		"boot " + manifest:                  "not trusted",
		"boot http://10.9.0.1/f/none":       "404",
		"kexec /proc/version /proc/version": "only what is signed",
	} {
		if out, code := boot(line); code == 0 || !strings.Contains(out, want) {
			m.Errorf("%s: status %d: %s", line, code, out)
		}
	}
	m.file("ndb", strings.Replace(m.read("ndb"), "quiet", "quiet nine.wait=1s nine.root=tls!10.9.0.1!5641 nine.uname=root", 1))
	m.sign("release")
	if out, code := boot("boot " + manifest + " init=/bin/sh"); code == 0 || !strings.Contains(out, "not what the manifest says") {
		m.Errorf("another command line: status %d: %s", code, out)
	}
	stop := m.asks("boot " + manifest + " nine.token=" + token + " nine.join=http://10.9.0.1/join")
	m.said(`init: kexec`)
	stop()
	m.file("node.pub", m.said(`(?s)init: kexec.*init: key (\S+ \S+)`)+"\n")
	m.said(`(?s)init: kexec.*init: joined as node1,10\.9\.0\.11 by a token; `)
	key, err := netboot.ParseKey(m.read("ca.pub"))
	if err != nil {
		m.Fatal(err)
	}
	if _, _, err := netboot.Join(m.ctx, "http://10.9.0.1/join", m.ether, token, key); !errors.Is(err, netboot.ErrJoin) {
		m.Errorf("by its token a second time: %v", err)
	}
	if line := m.kernelLine(); !strings.Contains(line, "nine.serial=") || !strings.Contains(line, token) {
		m.Errorf("booted again with %s", line)
	}
}

// rooted has the node wait for the server of its root, with a shell on the console meanwhile, have none
// of one with another key, leave nothing there, and have it again after it was lost.
func (m *diskless) rooted() {
	m.Helper()
	m.said(`init: root: tls!10\.9\.0\.1!5641: .*refused; again in`)
	m.said(`init: a shell is on the console \(root: tls!10\.9\.0\.1!5641: .*refused\)`)
	m.said(`(?s)a shell is on the console.*% `)
	m.types("echo typed^here; nine 9p read node/status\n")
	m.said(`(?s)typedhere.*step    root       failed `)
	m.file("users", strings.Fields(m.must(exec.Command("ssh-keygen", "-l", "-f", m.dir+"/node.pub")))[1]+" root\n")
	server := func(key string) (stop func()) {
		cmd := m.cmd("exportfs", "-R", "-r", "/", "-l", "tcp!10.9.0.1!5641", "-k", filepath.Join(m.dir, key), "-a", m.dir+"/users")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			m.Fatal(err)
		}
		return func() { cmd.Process.Kill(); cmd.Wait() }
	}
	stop := server("other")
	m.said(`init: root: tls!10\.9\.0\.1!5641: .*key.*; again in`)
	stop()
	stop = server("root")
	m.said(`init: / is tls!10\.9\.0\.1!5641`)
	name := "/etc/" + filepath.Base(m.dir) // which is nowhere yet
	version, err := os.ReadFile("/etc/debian_version")
	if err != nil {
		m.Fatal(err)
	}
	out, code := m.cpu("sh", "-c", "echo written >"+name+"; cat "+name+" /etc/debian_version; ls -d /mnt/term"+m.home)
	if want := "written\n" + string(version) + "/mnt/term" + m.home + "\n"; code != 0 || out != want {
		m.Errorf("below the new root: status %d: %q, not %q", code, out, want)
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		m.Errorf("%s is on the server: %v", name, err)
	}
	stop()
	m.Cleanup(server("root"))
	m.said(`init: root: tls!10\.9\.0\.1!5641 is lost: `)
	m.said(`(?s)is lost.*init: / is `)
	if out, code := m.cpu("sh", "-c", "cat /etc/debian_version "+name); code != 1 || out != string(version) {
		m.Errorf("below the root that came again: status %d: %q", code, out)
	}
	if out, _ := m.cpu("sh", "-c", "grep -c '^layer ' /proc/1/mounts"); out != "1\n" {
		m.Errorf("layers in memory: %q, not one", out)
	}
}

func (m *diskless) kernelLine() string {
	m.Helper()
	line, code := m.cpu("cat", "/proc/cmdline")
	if code != 0 {
		m.Errorf("/proc/cmdline: status %d", code)
	}
	return line
}
