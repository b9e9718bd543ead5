//go:build faults

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"portti/cmd/portti/rig/faultfs"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// Row 80: the file with the identity, or all of the state folder, is answered with EIO
// at the start, for 50 ms and for 3 s. The gateway waits, says why, and comes up as
// the one that it was; nothing was made in the place of what could not be read.
func TestIdentityStutters(t *testing.T) {
	for _, c := range []struct {
		suffix string
		lasts  time.Duration
	}{{"gateway-id", short}, {"gateway-id", 3 * time.Second}, {"", short}, {"", 3 * time.Second}} {
		t.Run(c.suffix+" "+c.lasts.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, testbed.Options{})
			s.ID = "auto"
			f, real := s.under(t)
			g := s.Start()
			s.Line().Feed(10)
			first := g.Until("10 arrive", s.Delivered).Gateway
			g.Stop()
			s.Line().Clear()
			note := content(t, filepath.Join(real, "machine.json"))
			was := len(f.Changes())
			f.On(faultfs.Plan{Calls: []faultfs.Op{faultfs.Open, faultfs.Stat, faultfs.Read}, Suffix: c.suffix, Errno: syscall.EIO, Lasts: c.lasts})
			g = s.Start()
			s.Line().Feed(10)
			if st := g.Until("10 more arrive", s.Delivered); st.Gateway.ID != first.ID || st.Gateway.Start == first.Start {
				t.Errorf("it was %+v and is %+v", first, st.Gateway)
			}
			struck(t, f)
			// The check of the configuration looks first: a short one may be over after that.
			if c.lasts != short && !strings.Contains(g.Said(), "state.read-failed") {
				t.Error("it did not say why it waits")
			}
			for _, c := range f.Changes()[was:] {
				if strings.HasPrefix(c.Name, "gateway-id") || strings.HasPrefix(c.To, "gateway-id") {
					t.Errorf("%v %s %s", c.Op, c.Name, c.To)
				}
			}
			if id := identity(t, filepath.Join(real, "gateway-id")); id != first.ID || content(t, filepath.Join(real, "machine.json")) != note {
				t.Errorf("the identity on disk is %q, was %q", id, first.ID)
			}
			g.Stop()
		})
	}
}

// Row 80: an identity that cannot be read for longer ends the process, after half a
// minute, with a code on which systemd starts it again.
func TestIdentityStaysUnreadable(t *testing.T) {
	t.Parallel()
	s := newSite(t, testbed.Options{})
	s.ID = "auto"
	if err := os.MkdirAll(filepath.Join(s.State, "gateway-id"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := s.verb(os.Getenv(binaryVar), "run", "-c", s.Configure())
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "cannot read this gateway's identity") {
		t.Errorf("%v\n%s", err, out)
	}
}

// verb runs a program to its end.
func (s *site) verb(words ...string) (said []byte, err error) {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = s.Env
	return cmd.CombinedOutput()
}

// under puts a file system that can misbehave below the whole state folder.
func (s *site) under(t *testing.T) (f *faultfs.FS, real string) {
	t.Helper()
	real = filepath.Join(s.Dir, "real")
	for _, dir := range []string{real, s.State} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f, err := faultfs.Mount(real, s.State)
	testkit.Need(t, "FUSE", err)
	t.Cleanup(func() {
		defer f.Abandon()
		testkit.Eventually(t, "it can be unmounted", func() bool { return f.Unmount() == nil })
	})
	return f, real
}

// Row 79: the verbs run as root, and the state folder is the service's user's. What
// they write is his; who may not write there is told so, and changes nothing.
func TestIdentityVerbsKeepTheOwner(t *testing.T) {
	needRoot(t)
	testkit.NeedTool(t, "setpriv")
	const service, stranger = 65534, "65533"
	s := newSite(t, testbed.Options{})
	s.ID = "auto"
	file := s.Configure()
	if err := os.MkdirAll(s.State, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.State, "gateway-id")
	if err := os.WriteFile(path, []byte("XXXX00ABCDEFGHIJK\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{s.State, path} {
		if err := os.Chown(name, service, service); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{s.Dir, file} { // the stranger may read the configuration
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := os.Getenv(binaryVar)
	for verb, code := range map[string]int{"show": 4, "keep": 1, "new": 1} {
		out, err := s.verb("setpriv", "--reuid="+stranger, "--regid="+stranger, "--clear-groups", program, "identity", verb, "-c", file)
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != code || !strings.Contains(string(out), "ermission") || !strings.Contains(string(out), "Use sudo") {
			t.Errorf("%s by a stranger: %v\n%s", verb, err, out)
		}
	}
	s.Env = append(s.Env, "PORTTI_GATEWAY__ID=G") // then the note alone is read
	for verb, code := range map[string]int{"show": 4, "keep": 1} {
		out, err := s.verb("setpriv", "--reuid="+stranger, "--regid="+stranger, "--clear-groups", program, "identity", verb, "-c", file)
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != code || !strings.Contains(string(out), "Use sudo") {
			t.Errorf("%s by a stranger, with an id of the configuration: %v\n%s", verb, err, out)
		}
	}
	s.Env = s.Env[:len(s.Env)-1]
	if left, _ := os.ReadDir(s.State); len(left) != 1 || content(t, path) != "XXXX00ABCDEFGHIJK\n" {
		t.Fatalf("a stranger changed it: %v", left)
	}
	for _, verb := range []string{"keep", "new", "show"} {
		if out, err := s.verb(program, "identity", verb, "-c", file); err != nil {
			t.Errorf("%s: %v\n%s", verb, err, out)
		}
	}
	left, err := os.ReadDir(s.State)
	if err != nil || len(left) != 2 || content(t, path) == "XXXX00ABCDEFGHIJK\n" {
		t.Errorf("%v: %v", left, err)
	}
	for _, e := range left {
		info, err := e.Info()
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != service || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
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
