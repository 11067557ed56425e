//go:build !linux

package client

import "syscall"

// writev writes as much as it can in one go, here a piece.
func writev(fd int, vec [][]byte) (int, error) { return syscall.Write(fd, vec[0]) }
