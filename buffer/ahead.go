package buffer

import "os"

// At a low rate half of what a commit costs is not its pages. A page written
// where the file has none yet makes the file system allocate a block and
// journal that, with the length: so zeros are written ahead of the pages in use,
// a piece at a time, and the commits that follow only overwrite. Nothing reads
// what lies there, and the zeros reach the disk with the next commit's own sync,
// if at all.
const (
	aheadStep = 32 << 10
	// aheadBatch is up to which size a commit is one at a low rate. A larger one
	// allocates what it needs at once, and would only pay for its bytes twice.
	aheadBatch = 16 << 10
)

// writeAhead prepares space for the commits after this one; was is the
// high-water mark before it. That it fails, as on a full disk, costs nothing
// but the gain. A file's first commit prepares nothing: it may be its only one.
func (q *store) writeAhead(s *segment, b *batch, was int64) {
	if was == 0 || s.used == was || s.used < s.ahead || b.count == 0 || b.bytes > aheadBatch {
		return
	}
	if q.moved() != nil { // that name may be another's now
		return
	}
	f, err := q.fs.Open(s.name, os.O_RDWR)
	if err != nil {
		return
	}
	s.ahead = s.used + aheadStep
	_, _ = f.WriteAt(make([]byte, aheadStep), s.used)
	_ = f.Close()
}
