package main

import (
	"os"
	"os/exec"
	"path/filepath"
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

// TestCompletionFlags wants completion, which reads the pages, to find flags of each
// command that has some.
func TestCompletionFlags(t *testing.T) {
	bash := nineOut(t, "complete", "bash")
	for _, p := range list(t) {
		name := filepath.Base(p.rel)
		if !p.command() || len(flags(p.parse(t))) == 0 || name == "nsd" || name == "init" {
			continue
		}
		if _, line, ok := strings.Cut(bash, "\t"+name+") flags='"); !ok || line[0] != '-' {
			t.Errorf("%s: none of its flags is completed", name)
		}
	}
}
