package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/testbed"
)

// TestVerbsForEverybody: a user of no group sees how the gateway is; what shows readings
// or acts says how he is let in.
func TestVerbsForEverybody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	s := rig.New(t, testbed.Options{})
	if err := os.Chmod(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	g := s.Run(gateway.Options{})
	self := filepath.Join(s.Dir, "portti") // where every user can run it
	copyProgram(t, self)
	socket := filepath.Join(s.Dir, "run", "portti.sock")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"status", 0, "LINK"},
		{"status --json", 0, `"running": true`},
		{"queue stats", 0, "Waiting"},
		{"queue export", exitUnknown, "sudo usermod -aG portti"},
		{"gps", exitUnknown, "sudo usermod -aG portti"},
		{"gps --track", exitUnknown, "sudo usermod -aG portti"},
		{"reload", exitUnknown, "sudo usermod -aG portti"},
		{"config diff", exitUnknown, "sudo usermod -aG portti"},
	} {
		cmd := exec.CommandContext(t.Context(), self, append(strings.Fields(c.args), "--socket", socket)...)
		cmd.Env = append(os.Environ(), "PORTTI_TEST_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			unlessEmulated(t, err)
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("%s: exit code %d\n%s", c.args, code, said.String())
		}
	}
	g.Halt()
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
