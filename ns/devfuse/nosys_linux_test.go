package devfuse

import "syscall"

// A nosys answers nothing.
type nosys struct{}

func (nosys) Lookup(<-chan struct{}, *InHeader, string, *EntryOut) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) Forget(uint64, uint64)                                       {}
func (nosys) GetAttr(<-chan struct{}, *GetAttrIn, *AttrOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) SetAttr(<-chan struct{}, *SetAttrIn, *AttrOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) Readlink(<-chan struct{}, *InHeader) ([]byte, syscall.Errno) { return nil, syscall.ENOSYS }
func (nosys) Symlink(<-chan struct{}, *InHeader, string, string, *EntryOut) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) Mknod(<-chan struct{}, *MknodIn, string, *EntryOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) Mkdir(<-chan struct{}, *MkdirIn, string, *EntryOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) Unlink(<-chan struct{}, *InHeader, string) syscall.Errno          { return syscall.ENOSYS }
func (nosys) Rmdir(<-chan struct{}, *InHeader, string) syscall.Errno           { return syscall.ENOSYS }
func (nosys) Rename(<-chan struct{}, *RenameIn, string, string) syscall.Errno  { return syscall.ENOSYS }
func (nosys) Link(<-chan struct{}, *LinkIn, string, *EntryOut) syscall.Errno   { return syscall.ENOSYS }
func (nosys) Create(<-chan struct{}, *CreateIn, string, *CreateOut) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) Open(<-chan struct{}, *OpenIn, *OpenOut) syscall.Errno      { return syscall.ENOSYS }
func (nosys) Read(<-chan struct{}, *ReadIn, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }
func (nosys) Write(<-chan struct{}, *WriteIn, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) Lseek(<-chan struct{}, *LseekIn, *LseekOut) syscall.Errno { return syscall.ENOSYS }
func (nosys) CopyFileRange(<-chan struct{}, *CopyFileRangeIn) (uint64, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) Fallocate(<-chan struct{}, *FallocateIn) syscall.Errno        { return syscall.ENOSYS }
func (nosys) GetLk(<-chan struct{}, *LkIn, *LkOut) syscall.Errno           { return syscall.ENOSYS }
func (nosys) SetLk(<-chan struct{}, *LkIn) syscall.Errno                   { return syscall.ENOSYS }
func (nosys) SetLkw(<-chan struct{}, *LkIn) syscall.Errno                  { return syscall.ENOSYS }
func (nosys) Flush(<-chan struct{}, *FlushIn) syscall.Errno                { return syscall.ENOSYS }
func (nosys) Fsync(<-chan struct{}, *FsyncIn) syscall.Errno                { return syscall.ENOSYS }
func (nosys) Release(<-chan struct{}, *ReleaseIn)                          {}
func (nosys) OpenDir(<-chan struct{}, *OpenIn, *OpenOut) syscall.Errno     { return syscall.ENOSYS }
func (nosys) ReadDir(<-chan struct{}, *ReadIn, *DirList) syscall.Errno     { return syscall.ENOSYS }
func (nosys) ReadDirPlus(<-chan struct{}, *ReadIn, *DirList) syscall.Errno { return syscall.ENOSYS }
func (nosys) FsyncDir(<-chan struct{}, *FsyncIn) syscall.Errno             { return syscall.ENOSYS }
func (nosys) ReleaseDir(*ReleaseIn)                                        {}
func (nosys) StatFs(<-chan struct{}, *InHeader, *StatfsOut) syscall.Errno  { return syscall.ENOSYS }
func (nosys) GetXAttr(<-chan struct{}, *InHeader, string, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) ListXAttr(<-chan struct{}, *InHeader, []byte) (uint32, syscall.Errno) {
	return 0, syscall.ENOSYS
}
func (nosys) SetXAttr(<-chan struct{}, *SetXAttrIn, string, []byte) syscall.Errno {
	return syscall.ENOSYS
}
func (nosys) RemoveXAttr(<-chan struct{}, *InHeader, string) syscall.Errno { return syscall.ENOSYS }
