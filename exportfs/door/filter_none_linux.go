//go:build !amd64 && !arm64

package door

func filter() error { return errNoFilter }
