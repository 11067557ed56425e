/*
Vm boots a node in qemu on this machine.

# NAME

vm - boot a node in a virtual machine

# SYNOPSIS

	nine vm [-v] [-s srvname] [-m MiB] [-k kernel -M modules] [-e file] [-a accelerators] [parameter ...]

# DESCRIPTION

Vm makes the image that initramfs makes and boots a machine without a disk from it, in
qemu, for this user alone. When the node runs it is posted, and cpu, import and the like
take the socket for a cpud: their user is root there, unless they say another. The
parameters go onto the kernel's command line, see init. Nine up -vm n starts n of them,
vm1 and so on.

A guest that ends otherwise than by halting boots again, under the same name and known by
the same key, and with nine up its root is where it was; what was open there is lost. Vm ends when the node halts, or by
SIGINT, SIGTERM or SIGHUP.

	-s srvname       post under this name, which is the node's too; default vm
	-m MiB           the node's memory; default 256
	-k kernel        a Linux kernel with 9p, fuse and virtio as modules or built in, and
	-M modules       the directory of its modules; default the newest in /boot and
	                 /lib/modules
	-e file          the program, statically linked; default this one
	-a accelerators  qemu's, as in kvm:tcg; default kvm where guests run by it, or tcg
	-v               print what the node says

It needs Debian's qemu-system-x86 and linux-image-amd64.

# EXAMPLES

	nine vm -v &
	nine cpu -h vm cat /proc/version
	echo halt | nine cpu -h vm nine 9p write node/ctl

# FILES

	$NAMESPACE/vm

# SEE ALSO

up, init, initramfs, cpu

# DIAGNOSTICS

That qemu or a kernel is missing, or that the program needs shared libraries, is said at
once.

# BUGS

Only on amd64. The node calls out through qemu's own network, and the others cannot call it.
*/
package vm
