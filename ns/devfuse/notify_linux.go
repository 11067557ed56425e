package devfuse

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel is told without having asked. Of a node or a name that it does not
// know it is told in vain.

// notify sends a message and what follows it.
func notify[T any](c *Conn, code int32, body T, rest string) {
	n := headerSize + unsafe.Sizeof(body)
	b := make([]byte, n, n+uintptr(len(rest))+1)
	*(*outHeader)(unsafe.Pointer(&b[0])) = outHeader{Len: uint32(n), Error: code}
	*(*T)(unsafe.Pointer(&b[headerSize])) = body
	if rest != "" {
		b = append(append(b, rest...), 0)
		(*outHeader)(unsafe.Pointer(&b[0])).Len = uint32(len(b))
	}
	unix.Write(c.fd, b)
}

// ExpireAttr has the kernel ask again for a node's attributes.
func (c *Conn) ExpireAttr(node uint64) {
	notify(c, notifyInvalInode, notifyInvalInodeOut{Ino: node, Off: -1}, "")
}

// ExpireName has the kernel ask again for a name, if it Has CapExpireOnly. What is
// mounted beneath it stays.
func (c *Conn) ExpireName(dir uint64, name string) {
	notify(c, notifyInvalEntry, notifyInvalEntryOut{Parent: dir, Namelen: uint32(len(name)), Flags: expireOnly}, name)
}

// DropName has the kernel forget a name and undo the mounts beneath it.
func (c *Conn) DropName(dir uint64, name string) {
	notify(c, notifyInvalEntry, notifyInvalEntryOut{Parent: dir, Namelen: uint32(len(name))}, name)
}

// Ready has the kernel poll again what it polled with PollIn.Kh.
func (c *Conn) Ready(kh uint64) { notify(c, notifyPoll, notifyPollOut{Kh: kh}, "") }
