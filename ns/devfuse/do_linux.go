package devfuse

import (
	"math"
	"syscall"
	"unsafe"
)

// do has the file system answer.
func (r *request) do() syscall.Errno {
	h := r.header()
	op := opcode(h.Opcode)
	if int(op) >= len(sizes) || sizes[op] == 0 {
		return syscall.ENOSYS
	}
	size := sizes[op]
	if uintptr(len(r.in)) < size {
		return syscall.EIO
	}
	switch op {
	case opLookup, opMknod, opMkdir, opUnlink, opRmdir, opLink, opCreate, opSetxattr, opGetxattr, opRemovexattr:
		names, rest, ok := r.names(size, 1)
		if !ok {
			return syscall.EIO
		}
		return r.named(op, h, names[0], rest)
	case opSymlink, opRename, opRename2:
		names, _, ok := r.names(size, 2)
		if !ok {
			return syscall.EIO
		}
		return r.named2(op, h, names[0], names[1])
	case opForget, opBatchForget, opInterrupt, opDestroy:
		return r.kernels(op, h, r.in[size:])
	case opOpendir, opReaddir, opReaddirplus, opReleasedir, opFsyncdir:
		return r.directory(op)
	case opOpen, opRead, opWrite, opRelease, opFsync, opFlush, opLseek, opCopyFileRange, opCopyFileRange64, opFallocate,
		opGetlk, opSetlk, opSetlkw:
		return r.file(op, r.in[size:])
	}
	fs, cancel := r.c.fs, &r.cancel
	switch op {
	case opGetattr:
		return fs.GetAttr(cancel, arg[GetAttrIn](r), result[AttrOut](r))
	case opStatx:
		return fs.Statx(cancel, arg[StatxIn](r), result[StatxOut](r))
	case opTmpfile:
		return fs.Tmpfile(cancel, arg[CreateIn](r), result[CreateOut](r))
	case opSetattr:
		return fs.SetAttr(cancel, arg[SetAttrIn](r), result[AttrOut](r))
	case opReadlink:
		target, st := fs.Readlink(cancel, h)
		r.data = target
		return st
	case opStatfs:
		return fs.StatFs(cancel, h, result[StatfsOut](r))
	case opListxattr:
		return r.xattr(func(dest []byte) (uint32, syscall.Errno) { return fs.ListXAttr(cancel, h, dest) })
	}
	return syscall.ENOSYS
}

// named is those with one name; rest is what comes after it.
func (r *request) named(op opcode, h *InHeader, name string, rest []byte) syscall.Errno {
	fs, cancel := r.c.fs, &r.cancel
	switch op {
	case opLookup:
		return fs.Lookup(cancel, h, name, result[EntryOut](r))
	case opMknod:
		return fs.Mknod(cancel, arg[MknodIn](r), name, result[EntryOut](r))
	case opMkdir:
		return fs.Mkdir(cancel, arg[MkdirIn](r), name, result[EntryOut](r))
	case opUnlink:
		return fs.Unlink(cancel, h, name)
	case opRmdir:
		return fs.Rmdir(cancel, h, name)
	case opLink:
		return fs.Link(cancel, arg[LinkIn](r), name, result[EntryOut](r))
	case opCreate:
		return fs.Create(cancel, arg[CreateIn](r), name, result[CreateOut](r))
	case opSetxattr:
		return fs.SetXAttr(cancel, arg[SetXAttrIn](r), name, rest)
	case opGetxattr:
		return r.xattr(func(dest []byte) (uint32, syscall.Errno) { return fs.GetXAttr(cancel, h, name, dest) })
	case opRemovexattr:
		return fs.RemoveXAttr(cancel, h, name)
	}
	return syscall.ENOSYS
}

// named2 is those with two names.
func (r *request) named2(op opcode, h *InHeader, a, b string) syscall.Errno {
	switch op {
	case opSymlink:
		return r.c.fs.Symlink(&r.cancel, h, b, a, result[EntryOut](r))
	case opRename:
		return r.c.fs.Rename(&r.cancel, &RenameIn{InHeader: *h, Newdir: arg[renameIn](r).Newdir}, a, b)
	}
	return r.c.fs.Rename(&r.cancel, arg[RenameIn](r), a, b)
}

// kernels is those that are about other requests, or about what the kernel keeps.
func (r *request) kernels(op opcode, h *InHeader, rest []byte) syscall.Errno {
	switch op {
	case opForget:
		r.c.fs.Forget(h.NodeId, arg[forgetIn](r).Nlookup)
	case opBatchForget:
		n := min(uintptr(arg[batchForgetIn](r).Count), uintptr(len(rest))/unsafe.Sizeof(forgetOne{}))
		if n > 0 {
			for _, o := range unsafe.Slice((*forgetOne)(unsafe.Pointer(&rest[0])), n) {
				r.c.fs.Forget(o.NodeId, o.Nlookup)
			}
		}
	case opInterrupt:
		if !r.c.interrupt(arg[interruptIn](r).Unique) {
			return syscall.EAGAIN // it has been read and not begun: ask again
		}
	case opDestroy:
		return 0
	}
	return noReply
}

func (r *request) directory(op opcode) syscall.Errno {
	fs, cancel := r.c.fs, &r.cancel
	switch op {
	case opOpendir:
		return fs.OpenDir(cancel, arg[OpenIn](r), result[OpenOut](r))
	case opReaddir, opReaddirplus:
		in := arg[ReadIn](r)
		buf := r.room(in.Size)
		list := &DirList{buf[:0], len(buf)}
		read := fs.ReadDir
		if op == opReaddirplus {
			read = fs.ReadDirPlus
		}
		st := read(cancel, in, list)
		r.data = list.buf
		return st
	case opReleasedir:
		fs.ReleaseDir(arg[ReleaseIn](r))
		return 0
	}
	return fs.FsyncDir(cancel, arg[FsyncIn](r))
}

// file is those that are about an open file; data is what is to be written.
func (r *request) file(op opcode, data []byte) (st syscall.Errno) {
	fs, cancel := r.c.fs, &r.cancel
	switch op {
	case opOpen:
		return fs.Open(cancel, arg[OpenIn](r), result[OpenOut](r))
	case opRead:
		in := arg[ReadIn](r)
		buf := r.room(in.Size)
		n, st := fs.Read(cancel, in, buf)
		r.data = buf[:n]
		return st
	case opWrite:
		in, out := arg[WriteIn](r), result[writeOut](r)
		out.Size, st = fs.Write(cancel, in, data[:min(uint32(len(data)), in.Size)])
		return st
	case opRelease:
		fs.Release(cancel, arg[ReleaseIn](r))
		return 0
	case opFsync:
		return fs.Fsync(cancel, arg[FsyncIn](r))
	case opFlush:
		return fs.Flush(cancel, arg[FlushIn](r))
	case opLseek:
		return fs.Lseek(cancel, arg[LseekIn](r), result[LseekOut](r))
	case opCopyFileRange:
		out := result[writeOut](r)
		in := arg[CopyFileRangeIn](r)
		in.Len = min(in.Len, math.MaxInt32&^0xfff) // more could not be told
		n, st := fs.CopyFileRange(cancel, in)
		out.Size = uint32(n)
		return st
	case opCopyFileRange64:
		out := result[copyFileRangeOut](r)
		out.BytesCopied, st = fs.CopyFileRange(cancel, arg[CopyFileRangeIn](r))
		return st
	case opFallocate:
		return fs.Fallocate(cancel, arg[FallocateIn](r))
	case opGetlk:
		return fs.GetLk(cancel, arg[LkIn](r), result[LkOut](r))
	case opSetlk:
		return fs.SetLk(cancel, arg[LkIn](r))
	case opSetlkw:
		return fs.SetLkw(cancel, arg[LkIn](r))
	}
	return syscall.ENOSYS
}

// xattr answers with a value, or with its length to who asks for no bytes.
func (r *request) xattr(get func(dest []byte) (uint32, syscall.Errno)) syscall.Errno {
	size := arg[getXAttrIn](r).Size
	if size == 0 {
		out := result[getXAttrOut](r)
		n, st := get(nil)
		out.Size = n
		return st
	}
	dest := r.room(size)
	n, st := get(dest)
	if st == 0 {
		r.data = dest[:n]
	}
	return st
}
