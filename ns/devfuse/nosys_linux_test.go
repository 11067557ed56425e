package devfuse

import "syscall"

// A nosys answers nothing.
type nosys struct{}

func (nosys) Lookup(*Cancel, *InHeader, string, *EntryOut) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) Forget(uint64, uint64)                               {}
func (nosys) GetAttr(*Cancel, *GetAttrIn, *AttrOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) SetAttr(*Cancel, *SetAttrIn, *AttrOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) Readlink(*Cancel, *InHeader) ([]byte, syscall.Errno) { return nil, syscall.ENOSYS }
func (nosys) Symlink(*Cancel, *InHeader, string, string, *EntryOut) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) Mknod(*Cancel, *MknodIn, string, *EntryOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) Mkdir(*Cancel, *MkdirIn, string, *EntryOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) Unlink(*Cancel, *InHeader, string) syscall.Errno          { return syscall.ENOSYS }
func (nosys) Rmdir(*Cancel, *InHeader, string) syscall.Errno           { return syscall.ENOSYS }
func (nosys) Rename(*Cancel, *RenameIn, string, string) syscall.Errno  { return syscall.ENOSYS }
func (nosys) Link(*Cancel, *LinkIn, string, *EntryOut) syscall.Errno   { return syscall.ENOSYS }
func (nosys) Create(*Cancel, *CreateIn, string, *CreateOut) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) Open(*Cancel, *OpenIn, *OpenOut) syscall.Errno      { return syscall.ENOSYS }
func (nosys) Read(*Cancel, *ReadIn, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }
func (nosys) Write(*Cancel, *WriteIn, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) Lseek(*Cancel, *LseekIn, *LseekOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) CopyFileRange(*Cancel, *CopyFileRangeIn) (uint64, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) Fallocate(*Cancel, *FallocateIn) syscall.Errno        { return syscall.ENOSYS }
func (nosys) GetLk(*Cancel, *LkIn, *LkOut) syscall.Errno           { return syscall.ENOSYS }
func (nosys) SetLk(*Cancel, *LkIn) syscall.Errno                   { return syscall.ENOSYS }
func (nosys) SetLkw(*Cancel, *LkIn) syscall.Errno                  { return syscall.ENOSYS }
func (nosys) Flush(*Cancel, *FlushIn) syscall.Errno                { return syscall.ENOSYS }
func (nosys) Fsync(*Cancel, *FsyncIn) syscall.Errno                { return syscall.ENOSYS }
func (nosys) Release(*Cancel, *ReleaseIn)                          {}
func (nosys) OpenDir(*Cancel, *OpenIn, *OpenOut) syscall.Errno     { return syscall.ENOSYS }
func (nosys) ReadDir(*Cancel, *ReadIn, *DirList) syscall.Errno     { return syscall.ENOSYS }
func (nosys) ReadDirPlus(*Cancel, *ReadIn, *DirList) syscall.Errno { return syscall.ENOSYS }
func (nosys) FsyncDir(*Cancel, *FsyncIn) syscall.Errno             { return syscall.ENOSYS }
func (nosys) ReleaseDir(*ReleaseIn)                                {}
func (nosys) StatFs(*Cancel, *InHeader, *StatfsOut) syscall.Errno  { return syscall.ENOSYS }
func (nosys) GetXAttr(*Cancel, *InHeader, string, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) ListXAttr(*Cancel, *InHeader, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) SetXAttr(*Cancel, *SetXAttrIn, string, []byte) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) RemoveXAttr(*Cancel, *InHeader, string) syscall.Errno { return syscall.ENOSYS }
func (nosys) Statx(*Cancel, *StatxIn, *StatxOut) syscall.Errno     { return syscall.ENOSYS }
func (nosys) Tmpfile(*Cancel, *CreateIn, *CreateOut) syscall.Errno { return syscall.ENOSYS }
