// Package faultfs is a file system that misbehaves on purpose, below a program
// that knows nothing of it. It passes every call on to a real folder, but for those
// that a Plan answers with an error:
//
//	f, err := faultfs.Mount(realDir, emptyDir)
//	f.On(faultfs.Plan{Calls: []faultfs.Op{faultfs.Open, faultfs.Read}, Errno: syscall.EIO, Share: 5, Seed: seed})
//	... run the program on emptyDir
//	f.Off()
//	t.Log(f.Report()) // how many calls were answered so
//
// Unlike a tracer it sees what the kernel does for a program by itself: a page of
// a map that cannot be read ends in the program as SIGBUS, as on a bad disk.
//
// # What the kernel keeps
//
// An error can only reach the program if the kernel asks us. So names and
// attributes are kept for no time at all, and files are opened for direct I/O: each
// read and each write comes here. That alone would forbid the shared map that bbolt
// reads by, so the kernel is asked to allow both (FUSE_DIRECT_IO_ALLOW_MMAP, Linux
// 6.6): then a page that was mapped is read here once, stays until it is written,
// and is read here again after that. What is mapped when a plan goes on is dropped
// then. A kernel before 6.6 gets the ordinary page cache, which is dropped by each
// opening and when a plan goes on: there fewer reads come to us, as with a real
// disk, and a plan about nothing else can miss.
//
// Locks (flock) are the kernel's own. fsync is passed on.
//
// # Who may use it
//
// The process that mounts it serves it, and must not touch a mapped file in it: a
// fault of a page stops a thread where Go cannot take it off, and with it a
// collection of garbage, and with that us. So the program under test is another
// process; what the test itself wants to see or ruin it finds in the real folder,
// and calls Drop after that.
//
// It needs root and /dev/fuse, and no other program. Only tests import it;
// cross/arrows_test.go holds that.
package faultfs
