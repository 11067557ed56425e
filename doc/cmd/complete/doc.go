/*
Complete prints what teaches a shell to complete nine's words.

# NAME

complete - print completion of nine's words for bash, fish, rc or zsh

# SYNOPSIS

	nine complete bash|fish|rc|zsh

# DESCRIPTION

Complete prints a script for the shell, which then completes the names of
commands, their flags, posted servers, and files. It is made of the table of commands
and the pages of this binary. The Debian package has it installed.

Rc has a completion of its own: for it complete prints the flags, a line each, with
their commands.

# EXAMPLES

In .bashrc, in config.fish, in .zshrc behind compinit:

	source <(nine complete bash)
	nine complete fish | source
	source <(nine complete zsh)

# SEE ALSO

rc
*/
package complete
