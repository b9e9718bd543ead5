package uplink

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWriteSecret(t *testing.T) {
	home, away := t.TempDir(), t.TempDir()
	for _, path := range []string{home + "/credentials/token", home + "/top", away + "/token", away + "/new/token"} {
		for _, text := range []string{"first\n", "second, longer\n", "3\n"} {
			if err := WriteSecret(path, home, []byte(text)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			got, err := os.ReadFile(path)
			info, _ := os.Stat(path)
			if err != nil || string(got) != text || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %q %v %v", path, got, err, info.Mode())
			}
		}
		if left, _ := filepath.Glob(filepath.Dir(path) + "/*.new"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if err := WriteSecret(away+"/token/below", home, []byte("x")); err == nil {
		t.Error("a file as a folder: written")
	}
}

// What lies under the temporary name is never opened, and a symbolic link
// below the state folder leads nowhere else: the service's user owns that
// folder, and root writes there.
func TestWriteSecretIsNotLedAway(t *testing.T) {
	home, away := t.TempDir(), t.TempDir()
	if err := os.Symlink(away, home+"/credentials"); err != nil {
		t.Fatal(err)
	}
	if err := WriteSecret(home+"/credentials/token", home, []byte("x")); err == nil {
		t.Error("written through a link out of the state folder")
	}
	write(t, away+"/victim", "whole")
	if err := os.Symlink(away+"/victim", home+"/top.new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(away+"/victim", home+"/top"); err != nil {
		t.Fatal(err)
	}
	if err := WriteSecret(home+"/top", home, []byte("x")); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(away + "/victim"); string(text) != "whole" {
		t.Errorf("the file behind the link holds %q", text)
	}
	if got, _ := filepath.Glob(away + "/*"); len(got) != 1 {
		t.Errorf("appeared: %v", got)
	}
}

// Written by root, a secret belongs to the service's user: the owner of the
// state folder.
func TestWriteSecretBelongsToTheService(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	home, away := t.TempDir(), t.TempDir()
	const uid, gid = 65534, 65533
	if err := os.Chown(home, uid, gid); err != nil {
		t.Skipf("files cannot be given away here: %v", err)
	}
	for _, path := range []string{home + "/credentials/token", away + "/new/token"} {
		if err := WriteSecret(path, home, []byte("x")); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, filepath.Dir(path)} {
			info, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			if s := info.Sys().(*syscall.Stat_t); s.Uid != uid || s.Gid != gid {
				t.Errorf("%s belongs to %d:%d", p, s.Uid, s.Gid)
			}
		}
	}
}
