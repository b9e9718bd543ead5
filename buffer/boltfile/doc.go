// Package boltfile reads files of bbolt (format 2, pages of 4096 bytes) without
// bbolt: by ReadAt, with no lock, no map into memory and no write. bbolt has no
// checksums on its data pages, and some damage makes it panic in a goroutine of
// its own or run in circles, where its caller cannot recover.
//
// Begin gives the state of a file at its newest commit, and cursors over its
// buckets, which check as they go and on demand go on behind what is damaged. Scan
// looks at each page by itself, for a file whose trees are broken. See the examples.
//
// # Promises
//
// No input makes a function of this package panic, given that a Page is at least
// HeaderSize bytes long.
//
// An error wraps ErrDamaged when the file is not what bbolt writes, or is what ReadAt
// returned, as a PageError where it is about one page; a page that the disk cannot
// deliver is an error and not a fault of memory.
//
// A cursor goes at most 16 pages deep, and keeps one branch page for each of them and
// 64 KB of leaves, or one page of a larger value. A file that uses more than 64 GB, or
// a value of more than 1 GB, is taken for damaged. Scan keeps one page of at most 64
// times PageSize, and reads each page at most 65 times. Elements of a damaged page may
// overlap, but no more of them are visited than fit into a page, by Scan twice as many.
package boltfile
