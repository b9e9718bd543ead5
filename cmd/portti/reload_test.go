package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/testbed"
)

// What reload and config diff say, and their exit codes.
func TestReloadVerb(t *testing.T) {
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{Load: func() (*config.Config, error) { return config.Load(s.ConfigFile(), config.LoadOptions{}) }})
	try := func(code int, want, args string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := run(t.Context(), append(strings.Fields(args), "-c", s.ConfigFile()), nil, &out, &errs)
		if text := out.String() + errs.String(); got != code || want == "" && text != "" || !strings.Contains(text, want) {
			t.Errorf("portti %s: exit code %d, want %d; %q is not in\n%s", args, got, code, want, text)
		}
		if strings.Contains(args, "--json") && !json.Valid(out.Bytes()) {
			t.Errorf("portti %s is no JSON:\n%s", args, out.String())
		}
	}
	edit := func(old, text string) {
		t.Helper()
		was, err := os.ReadFile(s.ConfigFile())
		if err != nil || !bytes.Contains(was, []byte(old)) {
			t.Fatalf("%q is not there: %v", old, err)
		}
		if err := os.WriteFile(s.ConfigFile(), bytes.Replace(was, []byte(old), []byte(text), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	try(0, "The gateway runs by its files.", "config diff")
	try(0, "Nothing was changed in the configuration.", "reload")
	edit("[buffer]\n", "[buffer]\nmax_size = \"64MB\"\n")
	try(1, "buffer.max_size: holds at once\n  - 200MB\n  + 64MB\n", "config diff")
	try(1, "buffer.max_size\t200MB\t64MB\tholds at once\n", "config diff --plain")
	try(1, `"reload": "holds at once"`, "config diff --json")
	try(1, "", "config diff --quiet")
	try(0, "buffer: max_size changed\nOn trial: taken back in 5 min unless", "reload --confirm 5m")
	try(0, "Confirmed: the configuration stays.", "reload --confirmed")
	try(0, "Nothing is on trial", "reload --confirmed")
	edit("64MB", "65MB")
	try(0, `"buffer.max_size"`, "reload --json")
	edit("65MB", "66MB")
	try(0, "", "reload -q")
	edit("66MB", "66")
	try(1, "portti.toml:", "config diff")
	try(1, "Nothing was changed; the gateway goes on as before.", "reload")
	try(2, "say one of them", "reload --confirm 1m --confirmed")
	try(2, "must be from 1s to 1d", "reload --confirm 1ms")
	g.Halt()
	try(3, "portti is not running", "config diff")
	try(3, "portti is not running", "reload --confirm 1m")
}
