// Package vm boots nodes in qemu on this machine: nine's own image and a kernel of Debian's,
// without a disk, reached by its cpud through a socket that is posted here.
package vm
