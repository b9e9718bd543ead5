package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/durable"
)

// Row 5: where a step of it fails, what stood there before stays, and nothing
// is left next to it.
func TestReplaceFails(t *testing.T) {
	for name, c := range map[string]struct {
		before func(t *testing.T, path string)
		left   []string
	}{
		"the target is a folder": {
			before: func(t *testing.T, path string) {
				if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
					t.Fatal(err)
				}
			},
			left: []string{"it"}},
		"a full folder under the other name": {
			before: func(t *testing.T, path string) {
				if err := os.MkdirAll(path+".new/in it", 0o700); err != nil {
					t.Fatal(err)
				}
			},
			left: []string{"it", "it.new"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "it")
			if err := durable.Replace(path, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.before(t, path)
			if err := durable.Replace(path, []byte("new"), 0o600); err == nil {
				t.Error("it says that it wrote")
			}
			if info, err := os.Lstat(path); err != nil || info.Mode().IsRegular() && content(t, path) != "old" {
				t.Errorf("%v: %v", info, err)
			}
			if got := namesIn(t, filepath.Dir(path)); strings.Join(got, " ") != strings.Join(c.left, " ") {
				t.Errorf("there is %q", got)
			}
		})
	}
	if err := durable.Replace(filepath.Join(t.TempDir(), "none", "it"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Error("without a folder: ", err)
	}
}

// Row 5: what lies under the other name is no obstacle, and is not followed.
func TestReplaceOverLeftovers(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for name, put := range map[string]func(temp string) error{
		"half of an earlier one": func(temp string) error { return os.WriteFile(temp, []byte("half of someth"), 0o644) },
		"a link to a file":       func(temp string) error { return os.Symlink(elsewhere, temp) },
		"a link to /dev/full":    func(temp string) error { return os.Symlink("/dev/full", temp) },
		"a FIFO":                 func(temp string) error { return syscall.Mkfifo(temp, 0o600) },
		"an empty folder":        func(temp string) error { return os.Mkdir(temp, 0o700) },
		"nothing":                func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(elsewhere, []byte("not ours"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "it")
			if err := put(path + ".new"); err != nil {
				t.Fatal(err)
			}
			if err := durable.Replace(path, []byte("new"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := content(t, path); got != "new" {
				t.Errorf("%q", got)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("mode %v: %v", info.Mode(), err)
			}
			if got := content(t, elsewhere); got != "not ours" {
				t.Errorf("elsewhere is %q", got)
			}
			if got := namesIn(t, filepath.Dir(path)); len(got) != 1 {
				t.Errorf("there is %q", got)
			}
		})
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestReplaceAsAllOrNone: where one of several cannot be written none is changed, and nothing
// is left next to them.
func TestReplaceAsAllOrNone(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(first, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []durable.File{{Path: first, Text: []byte("new")}, {Path: filepath.Join(dir, "none", "b"), Text: []byte("new")}}
	if err := durable.ReplaceAs(files, 0o640, -1, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if got := namesIn(t, dir); content(t, first) != "old" || len(got) != 1 {
		t.Errorf("%q, and there is %q", content(t, first), got)
	}
	files[1].Path = filepath.Join(dir, "folder")
	if err := os.Mkdir(files[1].Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.ReplaceAs(files, 0o640, -1, -1); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("over a folder: %v", err)
	}
	if got := namesIn(t, dir); content(t, first) != "old" || len(got) != 2 {
		t.Errorf("over a folder: %q, and there is %q", content(t, first), got)
	}
	files[1].Path = second
	defer syscall.Umask(syscall.Umask(0o077))
	if err := durable.ReplaceAs(files, 0o640, -1, -1); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{first, second} {
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 || content(t, path) != "new" {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
}
