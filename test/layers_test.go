package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// layers says, for each package, which packages of ninespace it may import:
// the picture in the section Layers of the architecture as a table. Patterns
// are [path.Match]'s, the first line that matches a package is its line, and a
// package without one is an error: give it its place here first.
//
// A server is one tree of files and never imports another one, since trees
// are composed by mounting them.
var layers = []struct {
	pkg string
	may string
}{
	{"srv/p9", ""},
	{"srv", "srv/p9"},
	{"srv/client", "srv/p9"}, // never srv: a client is of any server
	{"srv/osthread", ""},
	{"srv/srvtest", "srv srv/p9 srv/client"},
	{"srv/p9file", "srv srv/p9"},
	{"srv/ndb", ""},
	{"srv/*fs", "srv srv/p9 srv/ndb srv/osthread"},
	{"srv/cmd/9p", "srv srv/p9 srv/client srv/ramfs factotum/auth"},
	{"srv/cmd/*", "srv srv/p9 srv/client srv/*fs ns"},

	{"ns", "srv srv/p9 srv/client srv/osthread ns/devfuse"},
	{"ns/devfuse", "srv/osthread"},
	{"ns/nstest", "srv srv/p9 srv/ramfs"},
	{"ns/cluster", "srv/osthread factotum/sshkey"},
	{"ns/cmd/doctor", "srv srv/p9 srv/client ns factotum/auth initramfs/vm/kvm"},
	{"ns/cmd/nsd", "srv srv/p9 srv/*fs ns rc/bin factotum/auth"},
	{"ns/cmd/*", "srv srv/p9 srv/client srv/*fs ns ns/cluster rc/bin"},

	{"factotum", "srv srv/p9 factotum/sshkey factotum/capfs"},
	{"factotum/auth", "srv srv/p9 srv/client factotum/sshkey factotum/psk"},
	{"factotum/authtest", ""},
	{"factotum/keytest", "factotum/sshkey"},
	{"factotum/users", "factotum/auth factotum/sshkey"},
	{"factotum/capfs", "srv srv/p9"},
	{"factotum/psk", ""},
	{"factotum/proof", ""},
	{"factotum/sshkey", ""},
	{"factotum/cmd/*", "srv srv/p9 srv/client factotum factotum/auth factotum/sshkey"},

	{"exportfs", "srv srv/p9 exportfs/door"},
	{"exportfs/aan", ""},
	{"exportfs/door", "srv srv/p9 srv/client srv/osthread exportfs/aan factotum/auth factotum/capfs factotum/proof factotum/sshkey factotum/users"},
	{"exportfs/trees", "srv srv/p9 srv/client srv/*fs exportfs"},
	{"exportfs/cmd/*", "srv srv/p9 srv/client srv/*fs ns factotum/auth factotum/users exportfs exportfs/aan exportfs/door exportfs/trees"},

	{"cpu", "srv srv/p9 srv/client srv/execfs ns exportfs exportfs/aan exportfs/door factotum/auth factotum/users"},
	{"cpu/cmd/*", "srv srv/p9 srv/client srv/*fs ns exportfs exportfs/aan exportfs/door exportfs/trees factotum/auth factotum/users cpu rc/bin"},

	{"initramfs", "factotum/sshkey"},
	{"initramfs/dhcp6", ""},
	{"initramfs/node", "srv srv/p9 srv/client srv/netfs factotum/auth factotum/sshkey factotum/users exportfs exportfs/door initramfs initramfs/dhcp6 initramfs/netboot initramfs/tpm"},
	{"initramfs/cmd/init", "doc initramfs/node"},
	{"initramfs/cmd/initramfs", "srv initramfs"},
	{"initramfs/netboot", "initramfs/dhcp6 srv srv/p9 srv/ndb factotum/sshkey initramfs/tpm"},
	{"initramfs/tpm", ""},
	{"initramfs/tpm/tpmtest", "initramfs/tpm"},
	{"initramfs/vm", "srv factotum/sshkey exportfs/door initramfs initramfs/vm/kvm"},
	{"initramfs/vm/kvm", ""},
	{"initramfs/cmd/vm", "srv initramfs/vm"},
	{"initramfs/cmd/netboot", "srv factotum/auth factotum/sshkey initramfs/netboot"},

	{"rc/syntax", "std"},
	{"rc", "std srv/osthread rc/syntax golang.org/x/sys/unix"}, // syscall, frozen, has no setns, memfd_create, O_PATH's fstatat
	{"rc/term", "std rc rc/syntax golang.org/x/sys/unix github.com/ergochat/readline"},
	{"rc/cmd/*", "srv srv/p9 srv/client srv/cmd/srv ns rc rc/syntax rc/term"},
	{"rc/rcgen", "rc/syntax"},
	{"rc/bin", ""}, // texts

	{"doc", ""},
	{"doc/cmd/*", "doc srv"},

	{".", "*/cmd/* doc rc/bin"}, // main.go: the table of commands, nothing else
	{"test", "any"},
	{"test/*", "any"},
	{"test/*/*", "any"},
}

// Two words in layers are no patterns: with "std" nothing from outside Go's
// standard library may be imported but what is listed, with "any" everything.

// forTests is what a test may import besides: a tree to test on is served.
const forTests = "srv srv/p9 srv/client srv/srvtest"

// forTestsOf is what the tests of one package may import besides: the trees that
// an adapter is tried on.
var forTestsOf = map[string]string{"srv/client": "srv/ramfs", "srv/p9file": "srv/ramfs srv/diskfs", "factotum": "factotum/authtest", "initramfs/node": "factotum/keytest", "initramfs/netboot": "factotum/keytest initramfs/tpm/tpmtest", "initramfs/tpm": "initramfs/tpm/tpmtest", "initramfs/cmd/netboot": "factotum factotum/keytest", "factotum/auth": "factotum factotum/authtest", "exportfs/door": "factotum/keytest", "factotum/capfs": "factotum/users", "ns": "srv/ramfs srv/diskfs srv/rootfs ns/nstest",
	"cpu": "srv/diskfs", "exportfs": "exportfs/trees exportfs/aan", "ns/cmd/newns": "ns/nstest", "rc": "rc/rcgen", "rc/bin": "rc/syntax", "rc/cmd/rc": "rc/rcgen"}

func TestLayers(t *testing.T) {
	for _, p := range list(t) {
		i := slices.IndexFunc(layers, func(l struct{ pkg, may string }) bool { return match(l.pkg, p.rel) })
		if i < 0 {
			t.Errorf("%s: has no line in layers", p.rel)
			continue
		}
		may := strings.Fields(layers[i].may)
		for _, imp := range p.Imports {
			if !allowed(may, imp) {
				t.Errorf("%s: may not import %s", p.rel, imp)
			}
		}
		may = append(may, strings.Fields(forTests+" "+forTestsOf[p.rel])...)
		may = append(may, p.rel)
		for _, imp := range append(p.TestImports, p.XTestImports...) {
			if !allowed(may, imp) {
				t.Errorf("%s: its tests may not import %s", p.rel, imp)
			}
		}
	}
}

// allowed tells whether imp is on the list may.
func allowed(may []string, imp string) bool {
	rel, ours := strings.CutPrefix(imp, module)
	switch {
	case slices.Contains(may, "any"), slices.Contains(may, imp):
		return true
	case ours:
		return slices.ContainsFunc(may, func(pattern string) bool { return match(pattern, rel) })
	case slices.Contains(may, "std"):
		first, _, _ := strings.Cut(imp, "/")
		return !strings.Contains(first, ".")
	}
	return true
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

const module = "ninespace/"

// A pkg is a package of ninespace as go list describes it.
type pkg struct {
	rel string // its path below the module's, "." for main.go's

	Dir, ImportPath, Name              string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// command tells whether p is a command's package.
func (p pkg) command() bool { return match("*/cmd/*", p.rel) }

// list returns every package of ninespace.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,Name,GoFiles,Imports,TestImports,XTestImports", "ninespace/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.rel = "."
		if rel, ok := strings.CutPrefix(p.ImportPath, module); ok {
			p.rel = rel
		}
		all = append(all, p)
	}
}
