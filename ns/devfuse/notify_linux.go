package devfuse

import (
	"iter"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What the kernel is told without having asked. Of a node or a name that it does not
// know it is told in vain.

// notify sends a message and what follows it, for which the kernel does not wait.
func notify[T any](c *Conn, code int32, body T, rest string) {
	c.used.RLock()
	defer c.used.RUnlock()
	unix.Write(c.fd, message(nil, code, body, rest))
}

// notifyAside sends one that the kernel may wait with.
func notifyAside[T any](c *Conn, a *aside, code int32, body T, rest string) {
	b := message(nil, code, body, rest)
	a.do(c, func(fd int) { unix.Write(fd, b) })
}

// message makes one, in the place of b where that has room.
func message[T any](b []byte, code int32, body T, rest ...string) []byte {
	n := headerSize + unsafe.Sizeof(body)
	size := int(n)
	for _, r := range rest {
		size += len(r)
	}
	b = slices.Grow(b[:0], size)[:n]
	*(*outHeader)(unsafe.Pointer(&b[0])) = outHeader{Len: uint32(size), Error: code}
	*(*T)(unsafe.Pointer(&b[headerSize])) = body
	for _, r := range rest {
		b = append(b, r...)
	}
	return b
}

// ExpireAttr has the kernel ask again for a node's attributes.
func (c *Conn) ExpireAttr(node uint64) {
	notify(c, notifyInvalInode, notifyInvalInodeOut{Ino: node, Off: -1}, "")
}

// DropData has the kernel ask again for a node's attributes and for its data. It returns when
// that has none any more, which takes as long as what it reads or writes just then.
func (c *Conn) DropData(node uint64) {
	notifyAside(c, &c.data, notifyInvalInode, notifyInvalInodeOut{Ino: node}, "")
}

// ExpireNames has the kernel ask again for names, each with the node of the directory that it is in,
// if it Has CapExpireOnly. What is mounted beneath them stays. A name is asked of names when the
// kernel has heard of the one before.
func (c *Conn) ExpireNames(names iter.Seq2[uint64, string]) {
	c.names.do(c, func(fd int) {
		var b []byte
		for dir, name := range names {
			b = message(b, notifyInvalEntry, notifyInvalEntryOut{Parent: dir, Namelen: uint32(len(name)), Flags: expireOnly}, name, "\x00")
			unix.Write(fd, b)
		}
	})
}

// Prune has the kernel forget nodes that nobody uses. Linux does so since 6.18.
func (c *Conn) Prune(nodes []uint64) {
	for part := range slices.Chunk(nodes, pruneMost) {
		notifyAside(c, &c.names, notifyPrune, notifyPruneOut{Count: uint32(len(part))}, string(bytesOf(part)))
	}
}

// pruneMost is how many nodes one message is about.
const pruneMost = 1024

// DropName has the kernel forget a name and undo the mounts beneath it.
func (c *Conn) DropName(dir uint64, name string) {
	notifyAside(c, &c.names, notifyInvalEntry, notifyInvalEntryOut{Parent: dir, Namelen: uint32(len(name))}, name+"\x00")
}
