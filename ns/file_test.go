package ns

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// testOpen opens what is in a map.
func testOpen(files map[string]string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		text, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
}
