package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"portti/device"
)

// The shell is told the names that exist: devices of the configuration, types, modes.
func TestCompletion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "portti.toml")
	text := "config_version = 1\npaths = {state = \"" + t.TempDir() + "\", run = \"" + t.TempDir() + "\"}\n" +
		"[[device]]\nname = \"mast\"\ntype = \"gps\"\nport = \"/dev/ttyACM0\"\nid = \"XXXX03GPS00000001\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	kinds := strings.Join(device.Kinds().Names(), " ")
	for line, want := range map[string]string{
		"tail -c " + file + " ":           "mast",
		"test -c " + file + " ":           "mast",
		"devices show -c " + file + " ":   "mast",
		"config create --device ":         kinds,
		"receive --dialect ":              "thingsee haltless zyeta heimdall",
		"setup wss://h.example/x --auth ": "none header query first-message hash",
		"service install --init ":         "systemd openrc sysv procd",
		"replay /dev/null --type ":        kinds,
	} {
		var out, errs bytes.Buffer
		args := append([]string{"__complete"}, strings.Split(line, " ")...)
		if code := run(t.Context(), args, nil, &out, &errs); code != 0 {
			t.Fatalf("%s: %d %s", line, code, errs.String())
		}
		got := strings.Split(strings.TrimSpace(out.String()), "\n")
		if got = got[:len(got)-1]; strings.Join(got, " ") != want {
			t.Errorf("portti %soffers %q, wanted %s", line, got, want)
		}
	}
}

// TestCompletionOfCodes: the codes of the catalogue with their titles.
func TestCompletionOfCodes(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"__complete", "explain", "--socket", "nowhere/portti.sock", "NET-D"}, nil, &out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	if !strings.Contains(out.String(), "NET-DNS\t") {
		t.Error(out.String())
	}
}

// TestVerbsMakeNoTypes: the table of types is made of files, which takes milliseconds on a
// small gateway, and scripts ask portti status every minute.
func TestVerbsMakeNoTypes(t *testing.T) {
	types := testing.AllocsPerRun(3, func() { device.Kinds() })
	if n := testing.AllocsPerRun(3, func() { complete(&cobra.Command{}) }); n > types/2 {
		t.Errorf("%v allocations before a verb begins; the table alone is %v", n, types)
	}
}
