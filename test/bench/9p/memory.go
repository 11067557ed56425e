package main

import (
	"context"
	"io"
	"strings"

	"github.com/hugelgupf/p9/fsimpl/templatefs"
	"github.com/hugelgupf/p9/linux"
	hugelgupf "github.com/hugelgupf/p9/p9"

	"ninespace/srv/p9"
)

// One file in memory, of which an engine cannot know that it does not block: for
// ours it is no srv.Inline, and hugelgupf/p9 has none.

var content = strings.Repeat("0123456789abcdef", fileSize/16)

// memory is the file for our engine.
type memory struct{}

func (memory) Stat(context.Context) (p9.Stat, error) {
	return p9.Stat{Mode: 0o444, Length: fileSize}, nil
}

func (memory) Read(_ context.Context, p []byte, off int64) (int, error) {
	if off >= fileSize {
		return 0, io.EOF
	}
	return copy(p, content[off:]), nil
}

// theirDir is a directory with the one file for hugelgupf/p9.
type theirDir struct {
	hugelgupf.DefaultWalkGetAttr
	templatefs.ReadOnlyDir
	templatefs.NilCloser
}

// Attach makes it its own attacher.
func (d theirDir) Attach() (hugelgupf.File, error) { return d, nil }

func (d theirDir) Walk(names []string) ([]hugelgupf.QID, hugelgupf.File, error) {
	if len(names) == 0 {
		return nil, d, nil
	}
	if len(names) > 1 || names[0] != "file" {
		return nil, nil, linux.ENOENT
	}
	return []hugelgupf.QID{{Path: 1}}, theirFile{}, nil
}

func (d theirDir) GetAttr(req hugelgupf.AttrMask) (hugelgupf.QID, hugelgupf.AttrMask, hugelgupf.Attr, error) {
	return hugelgupf.QID{Type: hugelgupf.TypeDir}, req, hugelgupf.Attr{Mode: hugelgupf.ModeDirectory | 0o555, NLink: 2}, nil
}

func (theirDir) StatFS() (hugelgupf.FSStat, error) { return hugelgupf.FSStat{}, nil }

func (theirDir) Open(hugelgupf.OpenFlags) (hugelgupf.QID, uint32, error) {
	return hugelgupf.QID{Type: hugelgupf.TypeDir}, 0, nil
}

// theirFile is the file for hugelgupf/p9.
type theirFile struct {
	hugelgupf.DefaultWalkGetAttr
	templatefs.ReadOnlyFile
	templatefs.NilCloser
}

func (f theirFile) Walk(names []string) ([]hugelgupf.QID, hugelgupf.File, error) {
	if len(names) == 0 {
		return nil, f, nil
	}
	return nil, nil, linux.ENOTDIR
}

func (theirFile) GetAttr(req hugelgupf.AttrMask) (hugelgupf.QID, hugelgupf.AttrMask, hugelgupf.Attr, error) {
	return hugelgupf.QID{Path: 1}, req, hugelgupf.Attr{Mode: hugelgupf.ModeRegular | 0o444, NLink: 1, Size: fileSize}, nil
}

func (theirFile) StatFS() (hugelgupf.FSStat, error) { return hugelgupf.FSStat{}, nil }

func (theirFile) Open(hugelgupf.OpenFlags) (hugelgupf.QID, uint32, error) {
	return hugelgupf.QID{Path: 1}, 0, nil
}

func (theirFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= fileSize {
		return 0, io.EOF
	}
	return copy(p, content[off:]), nil
}
