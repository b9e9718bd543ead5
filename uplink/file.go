package uplink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile is of a file with keys or certificates: all authorities of a system are 250 KB.
const maxFile = 4 << 20

var errNoFile = errors.New("not a regular file")

// readFile reads a file that the configuration names. Anything but a regular one is refused,
// since a pipe would be waited for with the link.
func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errNoFile}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("more than %d bytes", maxFile)}
	}
	return b, err
}
