//go:build !amd64 && !arm64 && !riscv64

package faultfs

import "errors"

// Mount says that there is none: the library does not compile for 32 bits
// (go-fuse 2.12.1, package splice).
func Mount(_, _ string) (*FS, error) {
	return nil, errors.New("there is no FUSE library for this processor")
}
