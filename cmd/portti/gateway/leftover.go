package gateway

import (
	"path/filepath"

	"portti/cmd/portti/config"
)

// leftover is the buffer of another format beside ours.
type leftover struct {
	path  string
	files int
}

// leftBehind looks for the buffer of an earlier or a later version. Each format has
// a folder of its own, and none touches another's.
func leftBehind(p config.Paths) (l leftover) {
	dirs, _ := filepath.Glob(filepath.Join(p.State, "buffer*"))
	for _, dir := range dirs {
		if dir == p.BufferDir() {
			continue
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*.seg")); len(files) > 0 {
			l.path, l.files = dir, l.files+len(files)
		}
	}
	return l
}
