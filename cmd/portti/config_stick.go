package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"portti/cmd/portti/status"
)

// folderStick is a stick that is mounted. Everything goes through a root, so that no link on
// it leads to a file of this machine, which root could read and an answer would show.
type folderStick struct{ root *os.Root }

// openStick opens the folder portti in dir; nil: there is none.
func openStick(dir string) (*folderStick, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%w: %w", errStick, err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "portti"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errStick, err)
	}
	return &folderStick{root}, nil
}

// Close lets go of it.
func (s *folderStick) Close() error { return s.root.Close() }

// Files is part of stick. What begins with a dot is left behind by other systems, and is nobody's.
func (s *folderStick) Files() (names, aside []string, err error) {
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries { // sorted by their names
		switch name := e.Name(); {
		case name[0] == '.' || name == stickAnswer:
		case name == stickToken || strings.EqualFold(filepath.Ext(name), ".toml"):
			names = append(names, name)
		case e.IsDir():
			aside = append(aside, name+"/")
		default:
			aside = append(aside, name)
		}
	}
	return names, aside, nil
}

// passedOver says what is left aside, and why; "" = nothing is.
func (t *takeover) passedOver() string {
	if len(t.aside) == 0 {
		return ""
	}
	return "\nLeft aside, since portti takes nothing of such a name:\n\n" + strings.Join(t.asideLines(), "")
}

func (t *takeover) asideLines() (lines []string) {
	for _, name := range t.aside {
		lines = append(lines, fmt.Sprintf("  portti/%s: %s\n", status.Clean(name, 80), rightName(name)))
	}
	return lines
}

// rightName says what a file should be called. Where Windows hides the ends of names, it has put
// .txt behind the right one.
func rightName(name string) string {
	bare := name
	if ext := filepath.Ext(name); strings.EqualFold(ext, ".txt") {
		bare = strings.TrimSuffix(name, ext)
	}
	switch ext := filepath.Ext(bare); {
	case strings.HasSuffix(name, "/"):
		return "a folder; put what is in it directly into portti/"
	case strings.EqualFold(bare, stickToken):
		return "call it " + stickToken
	case strings.EqualFold(ext, ".toml"):
		return "call it " + status.Clean(bare, 80)
	default:
		return "with settings in it, call it " + status.Clean(strings.TrimSuffix(bare, ext), 80) + ".toml; with the token, " + stickToken
	}
}

// nothingElse answers where only files lie that are left aside, unless they lay next to what was
// taken, and the answer to that says so.
func (t *takeover) nothingElse(s stick) error {
	if len(t.aside) == 0 || len(t.names) > 0 {
		return nil
	}
	old, _ := s.Read(stickAnswer) // without one it is to be written
	before := strings.ReplaceAll(string(old), "\r\n", "\n")
	if strings.HasPrefix(before, stickDone) && !slices.ContainsFunc(t.asideLines(), func(line string) bool { return !strings.Contains(before, line) }) {
		return nil
	}
	text := "portti has found nothing to take in here.\n" + t.passedOver()
	return exit(exitFailed, errors.Join(errors.New(strings.TrimSpace(text)), s.Answer(text)))
}

// stickLimit bounds a file, as the configuration does.
const stickLimit = 1 << 20

// Read is part of stick.
func (s *folderStick) Read(name string) ([]byte, error) {
	f, err := s.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", name))
	}
	text, err := io.ReadAll(io.LimitReader(f, stickLimit+1))
	if err == nil && len(text) > stickLimit {
		err = fmt.Errorf("%s is larger than 1 MB", name)
	}
	return text, err
}

// Wipe is part of stick. On flash the old bytes may stay in a block that is no longer used:
// what was on a stick has to be taken for known to whoever gets hold of it.
func (s *folderStick) Wipe(name string) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, min(info.Size(), stickLimit)))
	}
	return errors.Join(err, f.Sync(), f.Close(), s.Remove(name))
}

// Remove is part of stick.
func (s *folderStick) Remove(name string) error {
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.sync()
}

func (s *folderStick) sync() error {
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, unix.EINVAL) { // file systems that cannot
		err = nil
	}
	return errors.Join(err, dir.Close())
}

// Answer is part of stick. Its lines end so that any editor shows them.
func (s *folderStick) Answer(text string) error {
	f, err := s.root.OpenFile(stickAnswer, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("cannot leave an answer: %w", err)
	}
	_, err = f.WriteString(strings.ReplaceAll(text, "\n", "\r\n"))
	return errors.Join(err, f.Sync(), f.Close(), s.sync())
}
