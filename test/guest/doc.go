// Package guest boots Debian's Linux kernel in qemu with a program of ours as
// its init, so that tests can use what only a kernel of their own can show: file
// systems that are mounted, modules, and a machine that starts.
package guest
