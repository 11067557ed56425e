package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ninespace/srv/p9"
)

// TestCompletion has each shell read what nine complete gives it and complete words.
func TestCompletion(t *testing.T) {
	nine := binary(t)
	home := tempDir(t)
	// Where servers are posted is for the shell to find, as it is for nine.
	display := ":" + filepath.Base(home)
	t.Setenv("NAMESPACE", "")
	t.Setenv("DISPLAY", display)
	posted := p9.Namespace()
	if err := os.Mkdir(posted, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(posted) })
	for _, file := range []string{filepath.Join(posted, "doc"), filepath.Join(home, "my file")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type asks struct {
		words string
		want  []string // these, among others
		not   string
	}
	all := []asks{
		{"cp", []string{"cpu", "cpud"}, "bind"},
		{"cpu -", []string{"-h", "-R"}, "-Z"},
		{"9p re", []string{"read"}, "write"},
		{"9p read d", []string{"doc"}, "diskfs"},
		{"mount d", []string{"doc"}, ""},
		{"rc my", []string{"my file"}, "my"},
		{"help a", []string{"auth"}, "dial"},
		{"man uns", nil, "unshare"},
		{"man unm", []string{"unmount"}, "up"},
	}
	scripts := map[string]func(script, words string) []string{
		"bash": func(script, words string) []string {
			return []string{"-c", "source " + script + `; COMP_WORDS=(nine ` + strings.ReplaceAll(words, "-", "'-'") + `)
				COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _nine 2>/dev/null; printf '%s\n' "${COMPREPLY[@]}"`}
		},
		"fish": func(script, words string) []string {
			return []string{"-c", "source " + script + "; complete -C 'nine " + words + "' | string replace -r '\\t.*' ''; true"}
		},
	}
	for _, shell := range []string{"bash", "fish", "zsh"} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("no %[1]s: Debian's %[1]s is not installed", shell)
			}
			script := filepath.Join(home, shell)
			if err := os.WriteFile(script, []byte(nineOut(t, "complete", shell)), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(shell, "-n", script).CombinedOutput(); err != nil || len(out) > 0 {
				t.Fatalf("%s -n: %v\n%s", shell, err, out)
			}
			if shell == "zsh" {
				zshCompletes(t, home, script)
				return
			}
			for _, a := range all {
				cmd := exec.Command(shell, scripts[shell](script, a.words)...)
				cmd.Env = append(os.Environ(), "HOME="+home, "PATH="+filepath.Dir(nine)+":"+os.Getenv("PATH"))
				cmd.Dir = home
				out, err := cmd.Output()
				if err != nil {
					t.Errorf("%s: %v", a.words, err)
				}
				got := strings.Split(strings.ReplaceAll(strings.TrimSpace(string(out)), `\ `, " "), "\n")
				for _, w := range a.want {
					if !slices.Contains(got, w) {
						t.Errorf("nine %s: %q is not offered, but %q", a.words, w, got)
					}
				}
				if a.not != "" && slices.Contains(got, a.not) {
					t.Errorf("nine %s: %q is offered", a.words, a.not)
				}
			}
		})
	}
}

// zshCompletes has zsh load the script as compinit does, and wants it bound to nine.
func zshCompletes(t *testing.T, home, script string) {
	cmd := exec.Command("zsh", "-f", "-c", "autoload -Uz compinit; compinit -D; source "+script+"; print $_comps[nine]")
	cmd.Env = append(os.Environ(), "HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "_nine\n" {
		t.Errorf("zsh: %v\n%s", err, out)
	}
}

// notTyped are flags that a program gives to another one of ours, or that belong to a word behind
// the command: 9p ls, and rc's own bind.
var notTyped = map[string]string{"cpu": "M", "cpud": "DRcew", "exportfs": "Diw", "import": "B", "newns": "aeirs", "rc": "akq", "9p": "d"}

// TestCompletionFlags wants each shell's completion to have the flags that each command takes,
// and no others.
func TestCompletionFlags(t *testing.T) {
	packages := list(t)
	door := map[string]bool{} // the flags that srv.Door gives all servers
	for _, p := range packages {
		if p.rel == "srv" {
			door = flags(p.parse(t))
		}
	}
	for shell, flag := range map[string]string{ // of a command NAME, in what its completion says
		"bash": `(?m)^\tNAME\) flags='([^']*)'`,
		"fish": `(?m)^complete -c nine -n '__nine_is NAME' -o (\S+)`,
		"rc":   `(?m)^NAME -(\S+)$`,
		"zsh":  `(?m)^\tNAME\) _arguments -s(.*)$`,
	} {
		says := nineOut(t, "complete", shell)
		for _, p := range packages {
			name := filepath.Base(p.rel)
			if !p.command() || name == "nsd" || name == "init" { // which nobody types
				continue
			}
			files := p.parse(t)
			want := flags(files)
			if usesDoor(files) {
				maps.Copy(want, door)
			}
			for _, f := range notTyped[name] {
				if !want[string(f)] {
					t.Errorf("%s: has no flag -%c", name, f)
				}
				delete(want, string(f))
			}
			got := map[string]bool{}
			for _, m := range regexp.MustCompile(strings.ReplaceAll(flag, "NAME", regexp.QuoteMeta(name))).FindAllStringSubmatch(says, -1) {
				switch shell {
				case "bash":
					for _, f := range strings.Fields(m[1]) {
						got[f[1:]] = true
					}
				case "zsh":
					for _, f := range regexp.MustCompile(` '-([^[]+)\[`).FindAllStringSubmatch(m[1], -1) {
						got[f[1]] = true
					}
				default:
					got[m[1]] = true
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s: %s completes %q, it takes %q", name, shell, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
			}
		}
	}
}
