package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"portti/cmd/portti/status"
	"portti/device"
)

// advice is every action of the catalogue, that of the drivers included, by code.
func advice() map[string][]string {
	all := map[string][]string{}
	for _, e := range status.Catalogue() {
		all[e.Code] = e.Actions
	}
	for _, p := range device.Kinds().Problems() {
		all[p.Code] = p.Actions
	}
	return all
}

// TestActionsNameTheReload: what is changed in a file of the configuration holds from a
// reload on, so that an action which asks for a change names the command that applies it.
func TestActionsNameTheReload(t *testing.T) {
	setting := regexp.MustCompile(`\[\[?[a-z.]+\]|\b(keys|keys_file|tags|timeout|clock_out|baud)\b|[a-z_]+ = `)
	only := regexp.MustCompile(`^(See|Nothing to do|To try|Check that the tags)\b|^Or write the values before|^The maker's app`) // these change nothing, or take a change back
	applied := regexp.MustCompile("`sudo portti (reload|service restart|setup|web disable|login)\\b")
	for code, actions := range advice() {
		for _, a := range actions {
			if setting.MatchString(a) && !only.MatchString(a) && !applied.MatchString(a) {
				t.Errorf("%s: no command applies the change: %s", code, a)
			}
		}
	}
}

// TestCommandsOfActionsParse: what stands in backquotes can be typed as it stands, and the
// words of portti in it are its own.
func TestCommandsOfActionsParse(t *testing.T) {
	between := regexp.MustCompile(`&&|\|\||[;|]`)
	ours := 0
	for code, actions := range advice() {
		for _, a := range actions {
			for i, command := range strings.Split(a, "`") {
				if i%2 == 0 {
					continue
				}
				command = places(command)
				if out, err := exec.Command("sh", "-n", "-c", command).CombinedOutput(); err != nil {
					t.Errorf("%s: %s: %v %s", code, command, err, out)
				}
				for _, one := range between.Split(command, -1) {
					words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(one), "sudo "))
					if len(words) == 0 || words[0] != "portti" {
						continue
					}
					ours++
					verb, rest, err := rootCmd(fstest.MapFS{}).Find(words[1:])
					if err == nil {
						err = verb.ParseFlags(rest)
					}
					if err == nil {
						err = verb.ValidateArgs(verb.Flags().Args())
					}
					if err != nil || !verb.Runnable() {
						t.Errorf("%s: %s: %v", code, one, err)
					}
				}
			}
		}
	}
	if ours < 50 {
		t.Errorf("only %d commands were found", ours)
	}
}
