/*
Devfs serves the machine's devices as files.

# NAME

devfs - console, clocks, storage, sensors and other devices as files

# SYNOPSIS

	nine devfs [-iD] [-s srvname] [-l dialstring] [-c tty] [-d dir] [-p dir] [-y dir]

# DESCRIPTION

Devfs serves what cons(3) and sd(3) of Plan 9 have, and of Linux's sysfs what there is of
small devices.

	cons         the terminal; rawon and rawoff written to consctl make it raw, and not
	null, zero, full, random, urandom
	time         seconds, then ns, ticks, ticks a second and ns since the boot; accepts
	             seconds. Bintime has the same in bytes
	user         who asks; hostowner is whom devfs runs as
	sysname      the machine's name; accepts another one
	hostdomain   the domain's that uname(2) knows, or nothing; accepts another one
	osversion, config, drivers
	sysstat      ten numbers for each processor; any write resets the counts
	swap         how much memory is used
	pid, ppid    of devfs
	cputime      of devfs, as the six times of procfs's status
	kmesg        what Linux says: blocks for the next message
	kprint       what Linux says from now on
	reboot       accepts the word reboot, halt or poweroff
	sdNAME/      a disk: ctl, raw, data and its partitions p1, p2, ...
	gpio/ hwmon/ input/ leds/ power/ rtc/ thermal/ usb/ watchdog/
	             a directory for each such device, with a file for each attribute

Sensors read as a number, a unit and a label: hwmon/hwmon0/temp1 is "45.500 C Core 0". Of
an input device event blocks until there is something, a line "seconds type code value".
The ctl of a watchdog accepts start, keepalive, stop and timeout seconds; the end of
devfs stops it, if that is in order.

A disk's ctl reads as inquiry, config and geometry, and a line part name start end for each
partition, in sectors; it accepts such lines, and delpart name, which change what Linux
takes for partitions and nothing on the disk. Only the owner opens data, raw and
partitions for writing; who is in the group that Linux has for disks reads them.

All of it is subject to what Linux lets the user do who runs devfs.

-c tty serves that terminal as cons, instead of the one that devfs was started on.

-d dir looks for devices there instead of in /dev, -p dir for what /proc has, and -y dir for
what /sys has.

The other flags are those of every server.

-s srvname posts under this name instead of devfs.

-l dialstring listens there instead of posting.

-i serves one connection on standard input and output.

-D prints each message to standard error.

Devfs serves until it is told to end by SIGINT, SIGTERM or SIGHUP, or with -i
until the client hangs up. Told to end, it lets what runs go on for up to two
seconds and refuses what is new with "server is shutting down"; a second signal
ends it at once. What it has done so far, in counts and times of each message,
is a file of the attach name stats: nine 9p -A stats read devfs/devfs.
devfs.log there says, as it happens, who was refused, which connection broke the
protocol, and which met a limit.

# EXAMPLES

All temperatures:

	for f in /mnt/dev/hwmon/[a-z]*; do grep . $f/temp[0-9]; done

Copy a partition, and see what the kernel says:

	dd if=/mnt/dev/sdvda/p1 of=image bs=1M
	cat /mnt/dev/kmesg

# FILES

$NAMESPACE/devfs is where it is posted; nine up posts it as dev, at /mnt/dev, and #c is
that too. /dev stays Linux's, as programs expect it.

# SEE ALSO

procfs, up, bind; cons(3) and sd(3) of Plan 9

# DIAGNOSTICS

An unknown control message is told with those that there are, a wrong value with what it
is for.

# BUGS

9P does not say which process asks, so pid, ppid and cputime are devfs's own, and there
is no pgrpid. A process's times are in its status, of procfs.

Kprint and kmesg have what the kernel says, not what is written to cons. Swap is not
written: swapon(8) is there. Reboot takes no kernel's name, and drivers no chdev.

Linux does not count some of what sysstat has, and serves no clock whose frequency could be
set: f of bintime is refused.

Gpio is what sysfs has, which is pins that were exported there.

Of sd(3) there are no led, smart and sdctl, and ctl knows no dma, rwm and standby: raw takes the
commands of disks that have such, for Linux's own drivers see to the rest.

Raw has been tried on qemu's SCSI disks only.
*/
package devfs
