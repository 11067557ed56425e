package devfuse

import (
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// do has the file system answer.
func (r *request) do() fuse.Status {
	h := r.header()
	op := opcode(h.Opcode)
	if int(op) >= len(sizes) || sizes[op] == 0 {
		return fuse.ENOSYS
	}
	size := sizes[op]
	if uintptr(len(r.in)) < size {
		return fuse.EIO
	}
	switch op {
	case opLookup, opMknod, opMkdir, opUnlink, opRmdir, opLink, opCreate, opSetxattr, opGetxattr, opRemovexattr:
		names, rest, ok := r.names(size, 1)
		if !ok {
			return fuse.EIO
		}
		return r.named(op, h, names[0], rest)
	case opSymlink, opRename, opRename2:
		names, _, ok := r.names(size, 2)
		if !ok {
			return fuse.EIO
		}
		return r.named2(op, h, names[0], names[1])
	case opForget, opBatchForget, opInterrupt, opDestroy:
		return r.kernels(op, h, r.in[size:])
	case opOpendir, opReaddir, opReaddirplus, opReleasedir, opFsyncdir:
		return r.directory(op)
	case opOpen, opRead, opWrite, opRelease, opFsync, opFlush, opLseek, opCopyFileRange, opFallocate,
		opGetlk, opSetlk, opSetlkw:
		return r.file(op, r.in[size:])
	}
	fs, cancel := r.c.fs, r.cancel
	switch op {
	case opGetattr:
		return fs.GetAttr(cancel, arg[fuse.GetAttrIn](r), result[fuse.AttrOut](r))
	case opSetattr:
		return fs.SetAttr(cancel, arg[fuse.SetAttrIn](r), result[fuse.AttrOut](r))
	case opReadlink:
		target, st := fs.Readlink(cancel, h)
		r.data = target
		return st
	case opStatfs:
		return fs.StatFs(cancel, h, result[fuse.StatfsOut](r))
	case opListxattr:
		return r.xattr(func(dest []byte) (uint32, fuse.Status) { return fs.ListXAttr(cancel, h, dest) })
	}
	return fuse.ENOSYS
}

// named is those with one name; rest is what comes after it.
func (r *request) named(op opcode, h *fuse.InHeader, name string, rest []byte) fuse.Status {
	fs, cancel := r.c.fs, r.cancel
	switch op {
	case opLookup:
		return fs.Lookup(cancel, h, name, result[fuse.EntryOut](r))
	case opMknod:
		return fs.Mknod(cancel, arg[fuse.MknodIn](r), name, result[fuse.EntryOut](r))
	case opMkdir:
		return fs.Mkdir(cancel, arg[fuse.MkdirIn](r), name, result[fuse.EntryOut](r))
	case opUnlink:
		return fs.Unlink(cancel, h, name)
	case opRmdir:
		return fs.Rmdir(cancel, h, name)
	case opLink:
		return fs.Link(cancel, arg[fuse.LinkIn](r), name, result[fuse.EntryOut](r))
	case opCreate:
		return fs.Create(cancel, arg[fuse.CreateIn](r), name, result[fuse.CreateOut](r))
	case opSetxattr:
		in := arg[setxattr](r)
		return fs.SetXAttr(cancel, &fuse.SetXAttrIn{InHeader: *h, Size: in.Size, Flags: in.Flags}, name, rest)
	case opGetxattr:
		return r.xattr(func(dest []byte) (uint32, fuse.Status) { return fs.GetXAttr(cancel, h, name, dest) })
	case opRemovexattr:
		return fs.RemoveXAttr(cancel, h, name)
	}
	return fuse.ENOSYS
}

// named2 is those with two names.
func (r *request) named2(op opcode, h *fuse.InHeader, a, b string) fuse.Status {
	switch op {
	case opSymlink:
		return r.c.fs.Symlink(r.cancel, h, b, a, result[fuse.EntryOut](r))
	case opRename:
		return r.c.fs.Rename(r.cancel, &fuse.RenameIn{InHeader: *h, Newdir: arg[rename1](r).Newdir}, a, b)
	}
	return r.c.fs.Rename(r.cancel, arg[fuse.RenameIn](r), a, b)
}

// kernels is those that are about other requests, or about what the kernel keeps.
func (r *request) kernels(op opcode, h *fuse.InHeader, rest []byte) fuse.Status {
	switch op {
	case opForget:
		r.c.fs.Forget(h.NodeId, arg[fuse.ForgetIn](r).Nlookup)
	case opBatchForget:
		n := min(uintptr(arg[batchForget](r).Count), uintptr(len(rest))/unsafe.Sizeof(forgetOne{}))
		if n > 0 {
			for _, o := range unsafe.Slice((*forgetOne)(unsafe.Pointer(&rest[0])), n) {
				r.c.fs.Forget(o.Node, o.Count)
			}
		}
	case opInterrupt:
		if !r.c.interrupt(arg[fuse.InterruptIn](r).Unique) {
			return fuse.EAGAIN // it has been read and not begun: ask again
		}
	case opDestroy:
		return fuse.OK
	}
	return noReply
}

func (r *request) directory(op opcode) fuse.Status {
	fs, cancel := r.c.fs, r.cancel
	switch op {
	case opOpendir:
		return fs.OpenDir(cancel, arg[fuse.OpenIn](r), result[fuse.OpenOut](r))
	case opReaddir, opReaddirplus:
		in := arg[fuse.ReadIn](r)
		list := fuse.NewDirEntryList(r.room(in.Size), in.Offset)
		read := fs.ReadDir
		if op == opReaddirplus {
			read = fs.ReadDirPlus
		}
		st := read(cancel, in, list)
		r.data = list.Bytes()
		return st
	case opReleasedir:
		fs.ReleaseDir(arg[fuse.ReleaseIn](r))
		return fuse.OK
	}
	return fs.FsyncDir(cancel, arg[fuse.FsyncIn](r))
}

// file is those that are about an open file; data is what is to be written.
func (r *request) file(op opcode, data []byte) (st fuse.Status) {
	fs, cancel := r.c.fs, r.cancel
	switch op {
	case opOpen:
		return fs.Open(cancel, arg[fuse.OpenIn](r), result[fuse.OpenOut](r))
	case opRead:
		in := arg[fuse.ReadIn](r)
		buf := r.room(in.Size)
		n, st := fs.Read(cancel, in, buf)
		r.data = buf[:n]
		return st
	case opWrite:
		in, out := arg[fuse.WriteIn](r), result[fuse.WriteOut](r)
		out.Size, st = fs.Write(cancel, in, data[:min(uint32(len(data)), in.Size)])
		return st
	case opRelease:
		fs.Release(cancel, arg[fuse.ReleaseIn](r))
		return fuse.OK
	case opFsync:
		return fs.Fsync(cancel, arg[fuse.FsyncIn](r))
	case opFlush:
		return fs.Flush(cancel, arg[fuse.FlushIn](r))
	case opLseek:
		return fs.Lseek(cancel, arg[fuse.LseekIn](r), result[fuse.LseekOut](r))
	case opCopyFileRange:
		out := result[fuse.WriteOut](r)
		out.Size, st = fs.CopyFileRange(cancel, arg[fuse.CopyFileRangeIn](r))
		return st
	case opFallocate:
		return fs.Fallocate(cancel, arg[fuse.FallocateIn](r))
	case opGetlk:
		return fs.GetLk(cancel, arg[fuse.LkIn](r), result[fuse.LkOut](r))
	case opSetlk:
		return fs.SetLk(cancel, arg[fuse.LkIn](r))
	case opSetlkw:
		return fs.SetLkw(cancel, arg[fuse.LkIn](r))
	}
	return fuse.ENOSYS
}

// xattr answers with a value, or with its length to who asks for no bytes.
func (r *request) xattr(get func(dest []byte) (uint32, fuse.Status)) fuse.Status {
	size := arg[fuse.GetXAttrIn](r).Size
	if size == 0 {
		out := result[fuse.GetXAttrOut](r)
		n, st := get(nil)
		out.Size = n
		return st
	}
	dest := r.room(size)
	n, st := get(dest)
	if st.Ok() {
		r.data = dest[:n]
	}
	return st
}
