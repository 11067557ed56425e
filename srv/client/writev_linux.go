package client

import "golang.org/x/sys/unix"

// maxVec is how many pieces writev takes, IOV_MAX.
const maxVec = 1024

// writev writes as much as it can in one go.
func writev(fd int, vec [][]byte) (int, error) {
	return unix.Writev(fd, vec[:min(len(vec), maxVec)])
}
