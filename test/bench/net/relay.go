package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
)

// The relay is the least that a process between can do, whatever it is spoken to by: each call
// at a Unix socket is one of an address, and bytes are moved from one to the other without
// coming to its memory, by splice(2).
func relay(addr, socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	fmt.Println(socket)
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			far, err := net.Dial("tcp", addr)
			if err != nil {
				return
			}
			defer far.Close()
			go func() {
				io.Copy(far, c)
				far.(*net.TCPConn).CloseWrite()
			}()
			io.Copy(c, far)
		}()
	}
}

// startRelay starts it, and waits until it takes calls.
func startRelay(ctx context.Context, addr, socket string) (*exec.Cmd, error) {
	cmd, out, err := start(ctx, addr+" "+socket)
	if err != nil {
		return nil, err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return cmd, err
}
