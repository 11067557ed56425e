package complete

import (
	"fmt"
	"strings"
)

// bashWords makes the completion of bash, see "Programmable Completion" in bash(1).
func bashWords(all []words) string {
	var b strings.Builder
	var commands []string
	for _, w := range all {
		commands = append(commands, w.name)
	}
	fmt.Fprintf(&b, `# Completion of nine for bash: nine complete bash.
_nine_posted() {
	local d=${DISPLAY:-:0}
	command ls "${NAMESPACE:-/tmp/ns.$(id -un).${d%%.0}}" 2>/dev/null
}
_nine() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags= words= kind=files
	local names=%s
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$names" -- "$cur"))
		return
	fi
	case ${COMP_WORDS[1]} in
`, single(strings.Join(commands, " ")))
	for _, w := range all {
		fmt.Fprintf(&b, "\t%s) flags=%s words=%s kind=%s", w.name, single(w.letters()), single(strings.Join(w.verbs, " ")), w.args)
		var values strings.Builder
		for _, f := range w.flags {
			if f.value != "" {
				fmt.Fprintf(&values, " -%s) kind=%s flags= words=;;", f.letter, kindOf(f.value))
			}
		}
		if values.Len() > 0 {
			fmt.Fprintf(&b, "\n\t\tcase $prev in%s esac", values.String())
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString(`	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "$flags" -- "$cur")); return ;;
	esac
	if [ -n "$words" ] && [ "$COMP_CWORD" -eq 2 ]; then
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
		return
	fi
	compopt -o filenames 2>/dev/null
	case $kind in
	dirs) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	names) COMPREPLY=($(compgen -W "$names" -- "$cur")) ;;
	programs) mapfile -t COMPREPLY < <(compgen -c -- "$cur"; compgen -f -- "$cur") ;;
	servers) mapfile -t COMPREPLY < <(compgen -W "$(_nine_posted)" -- "$cur"; compgen -f -- "$cur") ;;
	files) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	esac
}
complete -F _nine nine
`)
	return b.String()
}

// letters gives the flags, with their dashes.
func (w words) letters() string {
	var all []string
	for _, f := range w.flags {
		all = append(all, "-"+f.letter)
	}
	return strings.Join(all, " ")
}

// rcWords makes what rc's own completion, rc/term/complete.rc, looks into: commands' flags, each
// on a line with its command.
func rcWords(all []words) string {
	var b strings.Builder
	for _, w := range all {
		for _, f := range w.flags {
			fmt.Fprintf(&b, "%s -%s\n", w.name, f.letter)
		}
	}
	return b.String()
}

// fishWords makes the completion of fish, see complete(1) of it.
func fishWords(all []words) string {
	var b strings.Builder
	b.WriteString(`# Completion of nine for fish: nine complete fish.
function __nine_posted
	set -l dir $NAMESPACE
	if test -z "$dir"
		set -l display $DISPLAY
		test -n "$display"; or set display :0
		set dir /tmp/ns.(id -un).(string replace -r '\.0$' '' -- $display)
	end
	command ls $dir 2>/dev/null
end
function __nine_is
	set -l words (commandline -opc)
	test (count $words) -gt 1; and test $words[2] = $argv[1]
end
function __nine_second
	__nine_is $argv[1]; and test (count (commandline -opc)) -eq 2
end
complete -c nine -n 'test (count (commandline -opc)) -eq 1' -f
`)
	kinds := map[kind]string{
		files: " -F", dirs: " -x -a '(__fish_complete_directories)'", servers: " -F -a '(__nine_posted)'",
		programs: " -F -a '(__fish_complete_command)'", nothing: " -f",
		names: " -f -a '(nine man | string replace -r \" .*\" \"\")'",
	}
	for _, w := range all {
		fmt.Fprintf(&b, "complete -c nine -n 'test (count (commandline -opc)) -eq 1' -a %s -d %s\n", w.name, single(w.does))
		if len(w.verbs) > 0 {
			fmt.Fprintf(&b, "complete -c nine -n '__nine_second %s' -f -a %s\n", w.name, single(strings.Join(w.verbs, " ")))
		}
		if len(w.verbs) == 0 {
			fmt.Fprintf(&b, "complete -c nine -n '__nine_is %s'%s\n", w.name, kinds[w.args])
		} else {
			fmt.Fprintf(&b, "complete -c nine -n '__nine_is %s; and not __nine_second %[1]s'%s\n", w.name, kinds[w.args])
		}
		for _, f := range w.flags {
			fmt.Fprintf(&b, "complete -c nine -n '__nine_is %s' -o %s", w.name, f.letter)
			if f.value != "" {
				b.WriteString(" -r" + kinds[kindOf(f.value)])
			}
			if f.does != "" {
				b.WriteString(" -d " + single(f.does))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// zshWords makes the completion of zsh, see zshcompsys(1).
func zshWords(all []words) string {
	var b strings.Builder
	b.WriteString(`#compdef nine
# Completion of nine for zsh: nine complete zsh.
_nine_posted() {
	local -a posted
	local d=${DISPLAY:-:0}
	posted=(${NAMESPACE:-/tmp/ns.$(id -un).${d%.0}}/*(N:t))
	compadd -a posted
	_files
}
_nine() {
	local -a names
	names=(
`)
	for _, w := range all {
		fmt.Fprintf(&b, "\t\t%s\n", single(w.name+":"+w.does))
	}
	b.WriteString(`	)
	if (( CURRENT == 2 )); then
		_describe command names
		return
	fi
	local name=$words[2]
	words=("${(@)words[2,-1]}")
	(( CURRENT-- ))
	case $name in
`)
	kinds := map[kind]string{files: "_files", dirs: "_files -/", servers: "_nine_posted", programs: "_command_names",
		nothing: " ", names: "{_describe command names}"}
	for _, w := range all {
		fmt.Fprintf(&b, "\t%s) _arguments -s", w.name)
		for _, f := range w.flags {
			spec := "-" + f.letter + "[" + strings.NewReplacer("[", "(", "]", ")", ":", " ").Replace(f.does) + "]"
			if f.value != "" {
				spec += ":" + f.value + ":" + kinds[kindOf(f.value)]
			}
			b.WriteString(" " + single(spec))
		}
		if len(w.verbs) > 0 {
			b.WriteString(" " + single("1:word:("+strings.Join(w.verbs, " ")+")"))
		}
		fmt.Fprintf(&b, " %s ;;\n", single("*:argument:"+kinds[w.args]))
	}
	b.WriteString(`	esac
}
if [ "$funcstack[1]" = _nine ]; then
	_nine "$@"
else
	compdef _nine nine
fi
`)
	return b.String()
}

// single quotes a word for these shells.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
