package uplink

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTokenFileIsMadeReadable: mode and owner leave a file's time, size and inode as
// they are; that it can be read now is seen all the same.
func TestTokenFileIsMadeReadable(t *testing.T) {
	asNobody(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "token")
	if err := os.WriteFile(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	tok := NewFileToken(path)
	for name, c := range map[string]struct {
		of            string
		closed, again os.FileMode
	}{"the file": {path, 0, 0o600}, "its folder": {dir, 0, 0o700}} {
		if _, err := tok.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(c.of, c.closed); err != nil {
			t.Fatal(err)
		}
		if _, err := tok.Token(t.Context()); err == nil || tok.Changed() {
			t.Errorf("%s: %v, changed %v while it cannot be read", name, err, tok.Changed())
		}
		if err := os.Chmod(c.of, c.again); err != nil {
			t.Fatal(err)
		}
		if !tok.Changed() {
			t.Errorf("%s can be read again, and nothing has changed", name)
		}
		if s, err := tok.Token(t.Context()); err != nil || s.Reveal() != "first" || tok.Changed() {
			t.Errorf("%s: %v, changed %v", name, err, tok.Changed())
		}
	}
}

// asNobody lets this test's thread touch files with nobody's rights: root may read all.
func asNobody(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	runtime.LockOSThread() // which ends with the goroutine: no other gets these rights
	if err := unix.Setfsuid(65534); err != nil {
		t.Skip("cannot give up root's rights to files: ", err)
	}
}
