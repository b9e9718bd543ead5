//go:build amd64 || arm64 || riscv64

package faultfs

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const maxWrite = 128 << 10

// Mount shows the folder real at the folder at.
func Mount(real, at string) (*FS, error) {
	f := &FS{at: at}
	var st syscall.Stat_t
	if err := syscall.Stat(real, &st); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", real, err)
	}
	data := &fs.LoopbackRoot{Path: real, Dev: uint64(st.Dev)}
	root := &node{LoopbackNode: fs.LoopbackNode{RootData: data}, fs: f}
	data.RootNode = root

	// Mounted here and not by the library: its descriptor of /dev/fuse would be
	// handed down to the program under test.
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d", fd, maxWrite)
	if err := syscall.Mount("faultfs", at, "fuse.faultfs", syscall.MS_NOSUID|syscall.MS_NODEV, options); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot mount at %s: %w", at, err), syscall.Close(fd))
	}
	never := time.Duration(0)
	raw := fs.NewNodeFS(root, &fs.Options{EntryTimeout: &never, AttrTimeout: &never, NegativeTimeout: &never})
	server, err := fuse.NewServer(raw, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		MaxWrite:             maxWrite,
		MaxReadAhead:         4096, // else one error would be that of 32 pages
		DisableXAttrs:        true,
		DisableReadDirPlus:   true,                 // a listing is no stat
		DisabledCapabilities: fuse.CAP_PASSTHROUGH, // reads would not come here
		ExtraCapabilities:    fuse.CAP_DIRECT_IO_ALLOW_MMAP,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot serve %s: %w", at, err), syscall.Unmount(at, syscall.MNT_DETACH))
	}
	f.direct = server.KernelSettings().Flags64()&fuse.CAP_DIRECT_IO_ALLOW_MMAP != 0
	f.served = &served{server, root}
	go server.Serve()
	return f, nil
}

// served is what the library serves.
type served struct {
	*fuse.Server
	root *node
}

func (s *served) drop() {
	for _, child := range s.root.Children() {
		_ = child.NotifyContent(0, 0) // one that the kernel does not know any more has nothing
	}
}
