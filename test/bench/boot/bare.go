package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"golang.org/x/sys/unix"

	"ninespace/initramfs"
)

// bare is the least that can be called from outside: it is the first process of a machine,
// loads modules, asks for an address and answers.
func bare() {
	err := func() error {
		for dir, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs"} {
			if err := unix.Mount(kind, dir, kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
				return fmt.Errorf("%s: %w", dir, err)
			}
		}
		l, err := initramfs.NewLoader("/lib/modules")
		if err != nil {
			return err
		}
		if err := errors.Join(l.Load("fuse"), l.LoadHardware()); err != nil {
			return err
		}
		if err := address("eth0"); err != nil {
			return err
		}
		ln, err := net.Listen("tcp", ":17011")
		if err != nil {
			return err
		}
		up, err := os.ReadFile("/proc/uptime")
		if err != nil {
			return err
		}
		fmt.Printf("bare: listens after %s", up)
		for {
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			fmt.Fprintln(c, "here")
			c.Close()
		}
	}()
	fmt.Println("bare:", err)
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// address has the card its address by DHCP.
func address(name string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	set := func(request uint, change func(*unix.Ifreq) error) error {
		r, err := unix.NewIfreq(name)
		if err == nil {
			err = change(r)
		}
		if err == nil {
			err = unix.IoctlIfreq(s, request, r)
		}
		return err
	}
	up := func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP); return nil }
	if err := set(unix.SIOCSIFFLAGS, up); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var b [1]byte
	unix.Getrandom(b[:], 0)
	c, err := nclient4.New(name)
	if err != nil {
		return err
	}
	defer c.Close()
	lease, err := c.Request(context.Background())
	if err != nil {
		return err
	}
	return errors.Join(
		set(unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(lease.ACK.YourIPAddr.To4()) }),
		set(unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(lease.ACK.SubnetMask()) }))
}
