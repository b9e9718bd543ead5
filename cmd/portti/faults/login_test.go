//go:build faults

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cross/testkit"
)

// Row 5: portti login is killed at each of its calls of the disk in turn, with
// an old token in place. The file holds the old token or the new one, never a
// part, can be read by its owner alone, and the next login takes over whatever
// was left behind.
func TestLoginIsKilled(t *testing.T) {
	testkit.NeedTool(t, "strace")
	for _, calls := range []string{"fsync", "write,pwrite64", "renameat,renameat2,rename", "unlinkat", "fchown,fchmod", "openat"} {
		t.Run(strings.ReplaceAll(calls, ",", "-"), func(t *testing.T) {
			t.Parallel()
			struck, kept := 0, 0
			for n := 1; n < 60; n++ {
				hit, old := killLogin(t, fmt.Sprintf("%s:signal=KILL:when=%d", calls, n))
				if !hit {
					break
				}
				if struck++; old {
					kept++
				}
			}
			// A login run by the state folder's owner gives nothing away.
			if struck == 0 && !strings.HasPrefix(calls, "fchown") {
				t.Error("nothing was ever injected, the test tested nothing")
			}
			t.Logf("killed %d times, %d times with the old token in place", struck, kept)
		})
	}
}

// killLogin lets one login die and another one follow.
func killLogin(t *testing.T, what string) (hit, old bool) {
	dir := rig.Folder(t)
	config, token := filepath.Join(dir, "portti.toml"), filepath.Join(dir, "state/credentials/uplink-token")
	text := fmt.Sprintf("[paths]\nstate = %q\nrun = %q\n[uplink]\nurl = \"wss://ingest.example.net/in\"\ntoken_file = %q\n",
		filepath.Join(dir, "state"), filepath.Join(dir, "run"), token)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(secret string, wrap ...string) ([]byte, error) {
		argv := append(wrap, os.Getenv(binaryVar), "login", "-c", config, "--token-file", "-")
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env, cmd.Stdin = rig.PlainEnv(), strings.NewReader(secret)
		return cmd.CombinedOutput()
	}
	if out, err := run("the-old-token"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	log := filepath.Join(dir, "strace")
	_, _ = run("the-new-one-is-longer", tracer(log, what)...)
	trace, _ := os.ReadFile(log)
	hit = strings.Contains(string(trace), "(INJECTED)") || strings.Contains(string(trace), "killed by SIGKILL")
	got, err := os.ReadFile(token)
	if err != nil || string(got) != "the-old-token\n" && string(got) != "the-new-one-is-longer\n" {
		t.Errorf("%s: the file holds %q, %v", what, got, err)
	}
	if out, err := run("the-third"); err != nil {
		t.Errorf("%s: the next login: %v\n%s", what, err, out)
	}
	last, err := os.ReadFile(token)
	info, _ := os.Stat(token)
	if err != nil || string(last) != "the-third\n" || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: at last the file holds %q, %v", what, last, err)
	}
	if left, _ := filepath.Glob(filepath.Dir(token) + "/*"); len(left) != 1 {
		t.Errorf("%s: left behind: %v", what, left)
	}
	return hit, string(got) == "the-old-token\n"
}
