/*
Rc is Plan 9's shell.

# NAME

rc - Plan 9's shell

# SYNOPSIS

	nine rc [-bdeiIlnprsvVx] [-m rcmain] [-c command | file] [argument ...]

# DESCRIPTION

Rc runs commands: of the file, or of the string after -c, or else of the standard
input. The arguments are its $*. The language is that of Plan 9's rc(1), as
9front has it: a variable is a list of strings, words are never scanned twice, and
there is one kind of quote, the single one, of which two inside are one.

	x=(a b c)            a list: $x, $x(2), $x(2-3), $#x its length, $"x one string
	a^$x, a$x            concatenation: one with each, or pair by pair
	`{cmd}  `sep{cmd}    what cmd writes, taken apart at $ifs or at sep
	<{cmd}  >{cmd}       the name of a pipe from or to cmd
	>f >>f <f <>f <<tag  redirections; >[2]f of another descriptor, >[2=1] copies one
	a | b  a |[2] b      pipes; the last command runs in the shell itself
	a && b  a || b  !a   by status
	@ a                  in a subshell
	if(a) b   if not c   no else: if not follows an if
	for(x in l) a   while(a) b   switch(w){case p ... }
	fn f {a}             a function; its arguments are its $*
	~ subject pattern    matches with * ? [a-z] [~a-z]
	x=1 a                a variable while a runs

What differs between the rcs is so: an unquoted = may stand in arguments (echo a=b); `sep{} is
there; no caret is put behind ) and }: p$x(2)s is two words; a here document is read
after the line that it is on, also in braces, and substituted each time; $status
of success is the empty string and the code that rc exits with the number in it, and 1 that of a command which
is not there, in a pipe or backquote too; lists are in the
environment with byte 1 between words, functions as fn#name, and $path is PATH.

A subshell is no process, but a copy of the shell within it. Only what is left to
run with & and is more than one program becomes another rc, with a copy of the
state.

The builtins are

	. file [argument ...]	runs a file's commands; $path is searched for it, then the name is
		tried as it is
	builtin command		runs a command without regard to functions
	cd [directory]		goes there; $cdpath is searched
	echo [-n] word ...	is one for speed
	eval word ...		runs the words as a command
	exec command		becomes the command
	exit [status]		ends the shell
	finit			takes what others have written to /env: see below
	flag f [+-]		tests, sets or clears a flag
	read [-m] [-n lines] [-c bytes] [-r runes] [file ...]	copies a line, or all or so many, and
		takes no more than that from the input; its status is eof at the end:
		while(x=`{read}) echo $x
	rfork [nNeEsfFm]	makes the shell's own: n a copy of the name space, N a clean one, m
		mounts no more, e a copy of /env, E an empty environment, s a process group, F no
		descriptors but 0, 1 and 2; f is so anyway. Without letters: ens.
	shift [n]		drops arguments
	ulimit, umask		as the system calls
	wait [pid]		waits for what & started
	whatis name ...		shows variables, functions, builtins and programs as text to be read again
	bind, mount	as the commands of those names, with their flags -a, -b, -c, -C, -k, -n and -q; /fd/N is
		the script's descriptor
	unmount, ns, srv	as the commands of those names

The flags are

	-c command	runs the command
	-e	exits when a command fails whose status nothing looks at
	-i	is interactive: prompts, and errors return to the prompt. It is so without a
		file if the standard input is a terminal; -I forbids it.
	-l	reads $home/lib/profile first, as does a name that begins with -
	-m file	runs another rcmain; $home, $ifs, $path and $prompt are set before it
	-n	runs nothing: it looks for syntax errors in the files that are its arguments
	-p	takes no functions from the environment, and $path is /bin /usr/bin
	-b	reads a whole file before it runs it
	-r	prints commands as they were understood
	-s	prints statuses that are not true
	-v, -V  prints what is read
	-x	prints simple commands before they run
	-d	does nothing
	-C fd	is -c for a command that others are not to see in ps(1): the descriptor
		has it, and is closed
	-Z fd	is what rc calls itself by for what & left
	-U limits	is that for a program with the limits of a subshell

A function whose name is that of a note, sigint, sighup, sigterm, sigalrm and others,
is run when it comes; sigexit, when the shell ends. A terminal that hangs up while the
shell itself waits for a server is a sighup as well. A value too long for Linux to
give to programs, 128 KiB, is not in their environment, nor are the longest of more than
a MiB in all; where there is /env there are files of them. The number in $apid of a single program is the program's own.

# NAME SPACE

In a name space that has /env (up's has) the variables and functions of a shell are
files there, for all programs: those that have changed are written when a program is
started, such a file is used or the shell ends. A list is its words with a NUL after each, a function f is
fn#f. What is local to a command, or of a subshell, is in the environment of programs
only, and $ifs and what else is about one shell, as $pid or fn sigint, nowhere else either.

A shell begins with what it is given in its environment, and takes from /env what it
was not given and what has been written since an rc gave it. At each prompt it takes the
variables that others have written, but never those that it goes by itself: path, cdpath,
home and prompt. Functions it takes only then if finit says so. A script shares /env with
the shell that runs it, and leaves there what it sets: one that should not begins with
rfork e.

Names such as '#s/ram', '#e/x', '#p' or '#U/etc' are those of devices (bind) in redirections,
cd, patterns, as names of programs, and for the command of one dot; quote them, # begins a comment.
The number of a descriptor that echo writes to a file of /srv is the script's.

In redirections /dev/cons and /dev/consctl are /mnt/dev's, and note and notepg in /proc/N
are /mnt/proc's, where Linux has none.

Commands that are scripts of rc are in /mnt/bin: nine man lists them.

# AT A TERMINAL

Lines are edited by the usual keys: arrows, ^A and ^E, ^W, ^U, ^K and ^Y, M-b and M-f,
^T, ^_ which takes back; ^C gives a line up and ^D ends the shell. Return runs a command
that is complete and begins another line of one that is not; up and down move in a text of
several lines, and beyond it in the history. What is pasted is one text, which return
runs; one that is longer than half of the screen is shown as ▤. On a terminal that is
called dumb, or has no name in $TERM, lines are read plainly.

The history is $home/lib/rchistory, or the file that $history names. Shells share it: each
prompt knows what the others have run. A command that is run again is kept once, one that
begins with a blank is not. ^R searches it backward, ^S forward.

Tab completes commands, files, variables after $, and what the function complete.NAME
prints for words of the command NAME: the words before the one at the cursor are its
arguments, that one the last of them and $word; it prints words, a line each. There are
such functions for nine's commands. Servers that do not answer in .3 s are passed over.

	fn complete.git { for(i in add commit diff log push) echo $i }

Before each prompt the function prompt is run, if there is one, and can set $prompt. The
window's title is the command that runs, or the directory, where $TERM is of a terminal that
has one.

	fn prompt { d=`{pwd}; prompt=($d^'% ' '	') }

Plan 9 has windows and no jobs; these builtins are there only where a person types:

	jobs			lists what was stopped or runs by &
	fg [%job | pid]		brings one to the foreground, bg lets it go on in the background;
		without an argument the one that was stopped last

A program, and a pipeline that ends in one, is a process group, which ^Z stops: the rest of
the line is dropped and $status is stopped. A command that ends in the shell itself, such
as a loop or a function behind a |, or that stands in a backquote, cannot be stopped (see
BUGS), but ^C ends it with its programs. $apid and wait know what & started only. Jobs
that stop because they read the terminal are told of before the next prompt. Somebody who
leaves stopped jobs is told so once. Before each command the terminal is set as it was in
the beginning, or by the last command that was stty.

What a program in the background writes comes where the cursor is, in the line that is
edited too, as in other shells. ^L shows the prompt and the line anew; under stty tostop
such a program stops until fg.

# EXAMPLES

	for(i in *.go) wc -l $i
	fn ll { ls -l $* }
	diff <{sort a} <{sort b}
	rfork n; bind -b $home/bin /bin

# FILES

	$home/lib/profile	read by a login shell
	$home/lib/rchistory	what was typed, \n for a newline in it and \\ for \
	/env/NAME, /env/fn#NAME	variables and functions, in a name space

# SEE ALSO

rfork, bind, newns, envfs

# DIAGNOSTICS

An error of the shell's own is a line, "file:line: what went wrong". It ends a script
with status 1; a person gets the next prompt.

# BUGS

A command that fails in a function which an if calls
exits under -e all the same, as in Plan 9.

A loop behind a | cannot be stopped by ^Z: it runs in the shell itself, whose variables it
may set, and there would be no shell to say fg to. { } | @{loop} does not help, as a subshell is no
process; rc -c 'loop' is one.

What the shell runs itself of a pipeline that was stopped, {loop} | less, goes on, until a
later ^C. A loop goes on whose echo nobody reads any more, as in Plan 9: {while() echo y} | sed 1q
has to be interrupted, {while(echo y) {}} | sed 1q ends.

A descriptor of 0, 1 and 2 that is closed when rc starts is /dev/null.

A value of more than 128 KiB in a local variable or in a subshell is given to no program.
Programs that are not rc have what /env had when they were started.
*/
package rc
