package cpu

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ninespace/srv"
)

// A Root is the caller's root, to be the command's root in its name space: the far side's
// own devices, processes and temporary files stay, and what ninespace has.
type Root struct {
	Tree string   // the directory that the far side sees at /mnt/term
	Dir  string   // where the command runs there, in the far side's words
	Env  []string // what of the environment goes with it
}

// stays tells whether a directory is the far side's own.
func stays(name string) bool {
	return slices.Contains([]string{"dev", "proc", "sys", "tmp", "mnt", "n", "net", "env", "srv"}, name)
}

// programs tells whether a directory has programs of one kind of processor.
func programs(name string) bool {
	return name == "usr" || name == "bin" || name == "sbin" || strings.HasPrefix(name, "lib")
}

// lines gives the lines of namespace(6) that make it so on a far side with such a
// processor ("" is one like ours). With another one, programs stay the far side's, but
// for those of /$objtype/bin, where Plan 9 has them.
func (r *Root) lines(arch string) (string, error) {
	ents, err := os.ReadDir(r.Tree)
	if err != nil {
		return "", err
	}
	other := arch != "" && arch != runtime.GOARCH
	var b strings.Builder
	b.WriteString("bind -a /mnt/term /\n") // for the names that are not there
	for _, e := range ents {
		fi, err := os.Stat(filepath.Join(r.Tree, e.Name()))
		if err != nil || !fi.IsDir() || stays(e.Name()) || other && programs(e.Name()) {
			continue
		}
		flag := ""
		if programs(e.Name()) { // which are seldom changed, and so worth keeping over there
			flag = "-C "
		}
		b.WriteString("bind " + flag + srv.Quote("/mnt/term/"+e.Name()) + " " + srv.Quote("/"+e.Name()) + "\n")
	}
	if fi, err := os.Stat(filepath.Join(r.Tree, arch, "bin")); other && err == nil && fi.IsDir() {
		b.WriteString("bind -b /mnt/term/" + arch + "/bin /bin\n")
	}
	return b.String(), nil
}

// setup is what the command is told besides.
func (r *Root) setup() string {
	var s string
	dir := strings.TrimPrefix(r.Dir, "/mnt/term")
	first, _, _ := strings.Cut(strings.TrimPrefix(dir, "/"), "/")
	if dir != r.Dir && !stays(first) {
		s = line("dir", max(dir, "/"))
	}
	if len(r.Env) > 0 {
		s += line(append([]string{"env"}, r.Env...)...)
	}
	return s
}
