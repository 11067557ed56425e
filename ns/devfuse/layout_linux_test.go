package devfuse

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var messages = map[string]any{
	"in_header": InHeader{}, "init_in": initIn{}, "forget_in": forgetIn{}, "batch_forget_in": batchForgetIn{},
	"forget_one": forgetOne{}, "interrupt_in": interruptIn{}, "getattr_in": GetAttrIn{}, "statx_in": StatxIn{},
	"setattr_in": SetAttrIn{}, "mknod_in": MknodIn{}, "mkdir_in": MkdirIn{}, "link_in": LinkIn{}, "rename_in": renameIn{},
	"rename2_in": RenameIn{}, "open_in": OpenIn{}, "create_in": CreateIn{}, "read_in": ReadIn{}, "write_in": WriteIn{},
	"lseek_in": LseekIn{}, "copy_file_range_in": CopyFileRangeIn{}, "fallocate_in": FallocateIn{}, "file_lock": FileLock{},
	"lk_in": LkIn{}, "flush_in": FlushIn{}, "fsync_in": FsyncIn{}, "release_in": ReleaseIn{}, "setxattr_in": SetXAttrIn{},
	"getxattr_in": getXAttrIn{}, "out_header": outHeader{}, "init_out": initOut{},
	"attr": Attr{}, "attr_out": AttrOut{}, "sx_time": SxTime{}, "statx_out": StatxOut{}, "entry_out": EntryOut{},
	"create_out": CreateOut{}, "open_out": OpenOut{}, "kstatfs": StatfsOut{}, "lk_out": LkOut{}, "lseek_out": LseekOut{},
	"write_out": writeOut{}, "copy_file_range_out": copyFileRangeOut{}, "getxattr_out": getXAttrOut{},
	"notify_inval_inode_out": notifyInvalInodeOut{},
	"notify_inval_entry_out": notifyInvalEntryOut{}, "notify_prune_out": notifyPruneOut{}, "dirent": dirent{}, "backing_map": backingMap{},
}

// TestLayout wants the messages to be laid out as the kernel has them.
func TestLayout(t *testing.T) {
	b, err := os.ReadFile("testdata/layout")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(b)) {
		want := strings.Join(strings.Fields(line), " ")
		name, _, _ := strings.Cut(want, " ")
		if name == "" || name == "#" {
			continue
		}
		m, ok := messages[name]
		if !ok {
			t.Errorf("%s: there is none", name)
			continue
		}
		seen++
		if got := name + layout(reflect.TypeOf(m)); strings.ReplaceAll(got, "_", "") != strings.ReplaceAll(want, "_", "") {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	if seen != len(messages) {
		t.Errorf("%d of %d messages", seen, len(messages))
	}
}

// layout gives a message as testdata/layout does, its names without _.
func layout(t reflect.Type) string {
	head, s := uintptr(0), ""
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case f.Type == reflect.TypeFor[InHeader]():
			head = f.Type.Size()
		case f.Name != "_":
			s += fmt.Sprintf(" %s:%d", strings.ToLower(f.Name), f.Offset-head)
		}
	}
	return fmt.Sprintf(" %d%s", t.Size()-head, s)
}
