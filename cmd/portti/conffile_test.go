package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"portti/uplink"
)

func owners(t *testing.T, path string) (uid, gid uint32) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st, _ := info.Sys().(*syscall.Stat_t)
	return st.Uid, st.Gid
}

// TestTokenOfAServiceThatNeverStarted (row 247): it is written before there is a state folder, and the
// service's user can read it all the same.
func TestTokenOfAServiceThatNeverStarted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give it up")
	}
	dir := t.TempDir()
	state, token := filepath.Join(dir, "lib", "portti"), filepath.Join(dir, "etc", "uplink-token")
	if err := os.Mkdir(filepath.Dir(token), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the folder is there the second time
		if err := makeStateFor(state, 12345, 12346); err != nil {
			t.Fatal(err)
		}
		if err := uplink.WriteSecret(token, state, []byte("t\n")); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{state, token} {
			if uid, gid := owners(t, path); uid != 12345 || gid != 12346 {
				t.Errorf("%s belongs to %d:%d", path, uid, gid)
			}
		}
	}
}

// TestConfigurationFilesAreForWhoReadsTheMainOne (row 247), whatever the umask of who writes them.
func TestConfigurationFilesAreForWhoReadsTheMainOne(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give it up")
	}
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	main, other := filepath.Join(dir, "portti.toml"), filepath.Join(dir, "conf.d", "x.toml")
	if err := os.WriteFile(main, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(main, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(main, 0, 12346); err != nil {
		t.Fatal(err)
	}
	if err := readersOf(main).write(other, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{other: 0o640, filepath.Dir(other): 0o750} {
		info, _ := os.Stat(path)
		if uid, gid := owners(t, path); uid != 0 || gid != 12346 || info.Mode().Perm() != mode {
			t.Errorf("%s: %d:%d %v", path, uid, gid, info.Mode())
		}
	}
}
