/*
Rc

# NAME

rc - Plan 9 shell

# SYNOPSIS

	nine rc
*/
package rc
