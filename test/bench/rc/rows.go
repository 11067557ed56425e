package main

import (
	"strconv"
	"strings"
)

// The peers, in the order of the table's columns.
var peers = []string{"9base", "byron", "dash", "bash", "go", "tls", "hello"}

// A row is a work: the text that each shell is given, by its name. @N@ in a text is the
// number, less with -q, and @file@ that of a file which the bench has made.
type row struct {
	work  string
	n     int
	many  int  // how often in a round
	whole bool // -q does all of it too: a small one is mostly the start
	file  func(n int) string
	text  map[string]string
	argv  bool // the texts are command lines, of programs that are in the bench's directory
	fails int  // the status that ours ends with
	goals []goal
}

// A goal is what our time may be at most, of a peer's.
type goal struct {
	peer          string
	most, stretch float64 // stretch 0: there is none
}

// same gives one text to several shells.
func same(names, text string) map[string]string {
	m := map[string]string{}
	for _, name := range strings.Fields(names) {
		m[name] = text
	}
	return m
}

func texts(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for name, text := range m {
			all[name] = text
		}
	}
	return all
}

const (
	rcs   = "ours 9base byron"
	posix = "dash bash"
)

// rows are the works of the design's table, with its goals.
func rows() []row {
	return []row{
		{work: "start", many: 40,
			text:  same(rcs+" "+posix+" go tls", "exit"),
			goals: []goal{{"go", 1.3, 0}, {"9base", 3, 0}}},
		{work: "usage", many: 40, argv: true, fails: 2,
			text:  map[string]string{"ours": "nine cpu -?", "go": "go", "tls": "tls", "hello": "hello"},
			goals: []goal{{"hello", 1.5, 0}}},
		{work: "loop", whole: true, n: 100_000,
			text: texts(same(rcs, "w=`{seq @N@}; for(i in $w) { x=$i; ~ $x a }"),
				same(posix, "for i in `seq @N@`; do x=$i; case $x in a) ;; esac; done")),
			goals: []goal{{"9base", 1, .5}}},
		{work: "functions", whole: true, n: 100_000,
			text: texts(same(rcs, "fn f { x=$1 }; w=`{seq @N@}; for(i in $w) f $i"),
				same(posix, "f() { x=$1; }; for i in `seq @N@`; do f $i; done")),
			goals: []goal{{"9base", 1, .5}}},
		{work: "programs", n: 2000,
			text: texts(same(rcs, "w=`{seq @N@}; for(i in $w) /bin/true"),
				same(posix, "for i in `seq @N@`; do /bin/true; done")),
			goals: []goal{{"9base", 1, 0}, {"dash", 0, 1}}},
		{work: "pipelines", n: 300,
			text: texts(same(rcs, "w=`{seq @N@}; for(i in $w) /bin/echo a | /bin/cat | /bin/cat"),
				same(posix, "for i in `seq @N@`; do /bin/echo a | /bin/cat | /bin/cat; done")),
			goals: []goal{{"9base", .9, 0}, {"dash", 0, 1}}},
		{work: "backquotes", n: 1000,
			text: texts(same(rcs, "w=`{seq @N@}; for(i in $w) x=`{echo $i}"),
				same(posix, "for i in `seq @N@`; do x=`echo $i`; done")),
			goals: []goal{{"9base", 1, 0}}},
		{work: "backquoted programs", n: 1000,
			text: texts(same(rcs, "w=`{seq @N@}; for(i in $w) x=`{/bin/echo $i}"),
				same(posix, "for i in `seq @N@`; do x=`/bin/echo $i`; done")),
			goals: []goal{{"9base", 1, 0}}},
		{work: "subshells", whole: true, n: 2000,
			text: texts(same(rcs, "w=`{seq @N@}; for(i in $w) @{ x=$i }"),
				same(posix, "for i in `seq @N@`; do ( x=$i ); done")),
			goals: []goal{{"9base", .1, .03}}},
		{work: "lists", whole: true, n: 100_000,
			text:  texts(same("ours 9base", lists), same("byron", listsByron)),
			goals: []goal{{"9base", .15, .06}}},
		{work: "parse", whole: true, n: 30_000, file: functions,
			text:  texts(same(rcs, ". @file@"), same(posix, ". @file@")),
			goals: []goal{{"9base", 1, .5}}},
		{work: "backquote to a word", whole: true, n: 10 << 20, file: numbers,
			text: texts(same("ours 9base byron", "ifs='' x=`{cat @file@} { y=$#x }"), map[string]string{"byron": "ifs=() x=`{cat @file@} { y=$#x }"},
				same(posix, "x=`cat @file@`")),
			goals: []goal{{"9base", .5, 0}}},
		{work: "backquote to words", whole: true, n: 10 << 20, file: numbers,
			text:  same("ours byron", "x=`{cat @file@}; y=$#x"),
			goals: []goal{{"byron", 1.5, 0}}},
		{work: "a million words", n: 1_000_000,
			text:  same("ours byron", "x=`{seq @N@}; y=$x^a; z=($x $y); y=$z; n=$#y"),
			goals: []goal{{"byron", 1.5, 0}}},
		{work: "append word by word", n: 20_000,
			text:  same("ours 9base byron", "w=`{seq @N@}; x=(); for(i in $w) x=($x $i)"),
			goals: []goal{{"9base", .1, 0}}},
	}
}

// lists is concatenation, joining, subscripts and copies.
const (
	lists      = "w=`{seq @N@}; x=$w^a; y=$\"x; z=$x(1000-); n=$#z; u=($x $w); for(i in 1 2 3 4 5 6 7 8 9 10) v=($x $i)"
	listsByron = "w=`{seq @N@}; x=$w^a; y=$^x; z=$x; n=$#z; u=($x $w); for(i in 1 2 3 4 5 6 7 8 9 10) v=($x $i)"
)

// functions is a file of function definitions, in both languages' way by turns of
// what they share: braces and simple commands.
func functions(n int) string {
	var b strings.Builder
	for i := range n {
		s := strconv.Itoa(i)
		b.WriteString("fn f" + s + " { if(~ $1 a*) echo $1 $x'b' | cat >/dev/null; x=(a b $*); for(i in $x) g" + s + " $i }\n")
	}
	return b.String()
}

// posixFunctions is the same in the other shells' language.
func posixFunctions(n int) string {
	var b strings.Builder
	for i := range n {
		s := strconv.Itoa(i)
		b.WriteString("f" + s + "() { case $1 in a*) echo $1 ${x}b | cat >/dev/null; esac; x=\"a b $*\"; for i in $x; do g" + s + " $i; done; }\n")
	}
	return b.String()
}

// numbers is a file of about n bytes of short words, a line each.
func numbers(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString("w" + strconv.Itoa(i*7919%1000003) + "\n")
	}
	return b.String()
}
