//go:build faults

package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"portti/cross/testkit"
)

// binaryVar names the environment variable with the program under test. Set
// from outside it tries an installed one; else the program is built.
const binaryVar = "PORTTI_BINARY"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "portti-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	if os.Getenv(binaryVar) != "" {
		return nil
	}
	path := filepath.Join(dir, "portti")
	cmd := exec.Command("go", "build", "-o", path, "portti/cmd/portti")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build portti: %w\n%s", err, out)
	}
	return os.Setenv(binaryVar, path)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		testkit.Need(t, "root", errors.New("this test mounts or makes namespaces"))
	}
}

// command runs a tool of the system to its end.
func command(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return string(out)
}
