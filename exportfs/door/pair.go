package door

import (
	"net"
	"os"
)

// Pair makes a stream with one end to use here and one, a descriptor, for another process.
func Pair() (net.Conn, *os.File, error) {
	ends, err := pair()
	if err != nil {
		return nil, nil, err
	}
	defer ends[0].Close()
	c, err := net.FileConn(ends[0])
	if err != nil {
		ends[1].Close()
		return nil, nil, err
	}
	return c, ends[1], nil
}

// pair makes a stream with both ends for other processes.
func pair() (ends [2]*os.File, err error) {
	fds, err := socketpair()
	if err != nil {
		return ends, os.NewSyscallError("socketpair", err)
	}
	return [2]*os.File{os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket")}, nil
}
