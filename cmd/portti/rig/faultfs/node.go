//go:build amd64 || arm64 || riscv64

package faultfs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or a folder of the real file system. What is not here is passed
// on by the node in it, and never fails.
type node struct {
	fs.LoopbackNode
	fs *FS
}

// name is the file's, in its folder; "" for the root and for a file that was
// removed.
func (n *node) name() string {
	name, _ := n.Parent()
	return name
}

// WrapChild is part of fs.NodeWrapChilder: what is below a node is one too.
func (n *node) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, fs: n.fs}
}

// Lookup is part of fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.fs.answer(Stat, name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Lookup(ctx, name, out)
}

// Getattr is part of fs.NodeGetattrer.
func (n *node) Getattr(ctx context.Context, h fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.fs.answer(Stat, n.name()); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Getattr(ctx, h, out)
}

// Statx is part of fs.NodeStatxer.
func (n *node) Statx(ctx context.Context, h fs.FileHandle, flags, mask uint32, out *fuse.StatxOut) syscall.Errno {
	if errno := n.fs.answer(Stat, n.name()); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Statx(ctx, h, flags, mask, out)
}

// Setattr is part of fs.NodeSetattrer.
func (n *node) Setattr(ctx context.Context, h fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if _, sized := in.GetSize(); sized {
		if errno := n.fs.answer(Write, n.name()); errno != 0 {
			return errno
		}
	}
	return n.LoopbackNode.Setattr(ctx, h, in, out)
}

// Open is part of fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.fs.answer(Open, n.name()); errno != 0 {
		return nil, 0, errno
	}
	h, _, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return n.handle(h)
}

// Create is part of fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.fs.answer(Create, name); errno != 0 {
		return nil, nil, 0, errno
	}
	inode, h, _, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	made, ok := inode.Operations().(*node)
	if !ok {
		return nil, nil, 0, syscall.ENOSYS
	}
	n.fs.changed(Create, name, "")
	h, how, errno := made.handle(h)
	return inode, h, how, errno
}

// handle is what an open file is read and written by, and how the kernel treats it.
func (n *node) handle(h fs.FileHandle) (fs.FileHandle, uint32, syscall.Errno) {
	f, ok := h.(*fs.LoopbackFile)
	if !ok {
		return nil, 0, syscall.ENOSYS
	}
	how := uint32(0)
	if n.fs.direct {
		how = fuse.FOPEN_DIRECT_IO
	}
	return &file{f, n}, how, 0
}

// Mkdir is part of fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.fs.answer(Create, name); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

// Rename is part of fs.NodeRenamer.
func (n *node) Rename(ctx context.Context, name string, to fs.InodeEmbedder, toName string, flags uint32) syscall.Errno {
	if errno := n.fs.answer(Rename, name, toName); errno != 0 {
		return errno
	}
	errno := n.LoopbackNode.Rename(ctx, name, to, toName, flags)
	if errno == 0 {
		n.fs.changed(Rename, name, toName)
	}
	return errno
}

// Unlink is part of fs.NodeUnlinker.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if errno := n.fs.answer(Unlink, name); errno != 0 {
		return errno
	}
	errno := n.LoopbackNode.Unlink(ctx, name)
	if errno == 0 {
		n.fs.changed(Unlink, name, "")
	}
	return errno
}

// OpendirHandle is part of fs.NodeOpendirHandler.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.fs.answer(Open, n.name()); errno != 0 {
		return nil, 0, errno
	}
	h, _, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	stream, ok := h.(dirStream)
	if !ok {
		return nil, 0, syscall.ENOSYS
	}
	return &folder{dirStream: stream, node: n}, 0, 0
}

// file is one that is open.
type file struct {
	*fs.LoopbackFile
	node *node
}

// Read is part of fs.FileReader.
func (h *file) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if errno := h.node.fs.answer(Read, h.node.name()); errno != 0 {
		return nil, errno
	}
	return h.LoopbackFile.Read(ctx, buf, off)
}

// Write is part of fs.FileWriter.
func (h *file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := h.node.fs.answer(Write, h.node.name()); errno != 0 {
		return 0, errno
	}
	return h.LoopbackFile.Write(ctx, data, off)
}

// Allocate is part of fs.FileAllocater.
func (h *file) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if errno := h.node.fs.answer(Write, h.node.name()); errno != 0 {
		return errno
	}
	return h.LoopbackFile.Allocate(ctx, off, size, mode)
}

// Fsync is part of fs.FileFsyncer.
func (h *file) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	if errno := h.node.fs.answer(Fsync, h.node.name()); errno != 0 {
		return errno
	}
	return h.LoopbackFile.Fsync(ctx, flags)
}

// dirStream is what the library lists a folder with.
type dirStream interface {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileFsyncdirer
	fs.FileReleasedirer
}

// folder is one that is open.
type folder struct {
	dirStream
	node  *node
	begun bool
}

// Readdirent is part of fs.FileReaddirenter.
func (h *folder) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	if !h.begun {
		if errno := h.node.fs.answer(ReadDir, h.node.name()); errno != 0 {
			return nil, errno
		}
		h.begun = true
	}
	return h.dirStream.Readdirent(ctx)
}

// Fsyncdir is part of fs.FileFsyncdirer.
func (h *folder) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	if errno := h.node.fs.answer(Fsync, h.node.name()); errno != 0 {
		return errno
	}
	return h.dirStream.Fsyncdir(ctx, flags)
}
