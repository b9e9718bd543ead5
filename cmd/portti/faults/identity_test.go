//go:build faults

package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// Row 5: the process is killed at each call in turn that a first start makes on
// its identity, the file beside it and their folder. The identity is whole or
// not there, the next start has one, and from then on it never changes. strace
// counts for each thread, so each call is named, not numbered.
func TestKilledWhileTheIdentityIsWritten(t *testing.T) {
	testkit.NeedTool(t, "strace")
	const id, beside, folder = "/gateway-id", "/gateway-id.new", ""
	for i, c := range []struct {
		calls, file string
		kept        bool // the identity is there then
	}{
		{calls: "mkdir,mkdirat", file: folder},
		{calls: "openat", file: id},
		{calls: "unlink,unlinkat", file: beside},
		{calls: "openat", file: beside},
		{calls: "write", file: beside},
		{calls: "fsync", file: beside},
		{calls: "close", file: beside},
		{calls: "rename,renameat,renameat2", file: beside},
		{calls: "fsync", file: folder, kept: true},
		{calls: "close", file: folder, kept: true},
	} {
		t.Run(fmt.Sprintf("%02d %s %s", i+1, strings.ReplaceAll(c.calls, ",", "-"), filepath.Base("state"+c.file)), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, testbed.Options{})
			s.ID = "auto"
			s.inject(c.calls+":signal=KILL", "-P", s.State+c.file)
			s.killedAtStart()
			s.keepsIdentity(c.kept)
		})
	}
}

// keepsIdentity starts twice after a kill.
func (s *site) keepsIdentity(kept bool) {
	s.Helper()
	path := filepath.Join(s.State, "gateway-id")
	id := identity(s.TB, path)
	if (id != "") != kept {
		s.Errorf("after the kill the identity on disk is %q", id)
	}
	s.wrap()
	for range 2 {
		g := s.Start()
		now, told := identity(s.TB, path), g.Status().Gateway.ID
		if now == "" || id != "" && now != id || told != now {
			s.Fatalf("the identity was %q, then %q, and %q in the status", id, now, told)
		}
		id = now
		if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
			s.Errorf("something is left under the other name: %v", err)
		}
		g.Kill()
	}
}

// killedAtStart is a start that the tracer must end.
func (s *site) killedAtStart() {
	s.Helper()
	if s.Spawn().UntilGone("it is killed", s.Reading) != nil {
		s.Fatal("it was not killed: the test tested nothing")
	}
}

// identity is the one that is kept, empty where there is none. Half of one
// fails the test.
func identity(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil || !regexp.MustCompile(`^XXXX00[A-Z2-7]{11}\n$`).Match(text) {
		t.Fatalf("the identity on disk is %q: %v", text, err)
	}
	return string(text[:len(text)-1])
}
