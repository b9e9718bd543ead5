package uplink

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The order that survives a power cut at any moment: the new text is on disk
// before it takes the name, and the folder is on disk before success is
// reported.
func TestReplaceFileSyncsFileThenFolder(t *testing.T) {
	home := t.TempDir()
	path := filepath.Join(home, "below", "file")
	root := rootOf(t, home)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "old")
	var steps []string
	sync := func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			t.Error(err)
			return err
		}
		what := "file"
		if info.IsDir() {
			what = "folder " + filepath.Base(f.Name())
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		steps = append(steps, what+", the name means "+string(text))
		return nil
	}
	if err := replaceFileWith(sync, root, "below/file", []byte("new"), nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"file, the name means old", "folder below, the name means new"}; !slices.Equal(steps, want) {
		t.Errorf("synced %q, want %q", steps, want)
	}
}

// A disk that does not take the text leaves the old one and nothing else; a
// folder that cannot be synced is no success.
func TestReplaceFileFails(t *testing.T) {
	broken := errors.New("input/output error")
	for _, folder := range []bool{false, true} {
		home := t.TempDir()
		path := filepath.Join(home, "file")
		write(t, path, "old")
		sync := func(f *os.File) error {
			if info, err := f.Stat(); err != nil || info.IsDir() == folder {
				return broken
			}
			return nil
		}
		if err := replaceFileWith(sync, rootOf(t, home), "file", []byte("new"), nil); !errors.Is(err, broken) {
			t.Errorf("folder %v: %v", folder, err)
		}
		want := "old"
		if folder {
			want = "new"
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("folder %v: the file holds %q, %v", folder, text, err)
		}
		if left, _ := filepath.Glob(home + "/*"); len(left) != 1 {
			t.Errorf("folder %v: left %v", folder, left)
		}
	}
}

// What a power cut left under the other name is replaced, and a symbolic link,
// there or in place of the file, is not followed.
func TestReplaceFileFollowsNoLink(t *testing.T) {
	home, away := t.TempDir(), t.TempDir()
	victim := filepath.Join(away, "victim")
	write(t, victim, "whole")
	for _, name := range []string{"file", "file.new"} {
		if err := os.Symlink(victim, filepath.Join(home, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"first", "second"} {
		if err := replaceFile(rootOf(t, home), "file", []byte(text), nil); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(filepath.Join(home, "file"))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if got, err := os.ReadFile(filepath.Join(home, "file")); err != nil || string(got) != text {
			t.Errorf("the file holds %q, %v", got, err)
		}
		write(t, filepath.Join(home, "file.new"), "half of what was to be")
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "whole" {
		t.Errorf("the file that the link points to holds %q, %v", text, err)
	}
}

func rootOf(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}
