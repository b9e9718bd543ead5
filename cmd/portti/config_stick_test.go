package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestStickWithOtherNames (row 249): what Windows makes of a name is not passed over in silence.
func TestStickWithOtherNames(t *testing.T) {
	s, dir := stickSite(t, map[string]string{"uplink-token.txt": "canary", "Site.toml.TXT": stickServer, "notes.txt": "mine", "more/b.toml": "", "._x": "", "Uplink-Token": "canary"})
	wants := []string{"portti/uplink-token.txt: call it uplink-token\r\n", "portti/Uplink-Token: call it uplink-token\r\n", "portti/Site.toml.TXT: call it Site.toml\r\n", "portti/notes.txt: with settings in it, call it notes.toml; with the token, uplink-token\r\n", "portti/more/: a folder;"}
	says := func(begins string) {
		t.Helper()
		answer := s.read(filepath.Join(dir, "portti", stickAnswer))
		if !strings.HasPrefix(answer, begins) || strings.Contains(answer, "._x") || strings.Contains(answer, "ANSWER") {
			t.Errorf("the answer is\n%s", answer)
		}
		for _, want := range wants {
			if !strings.Contains(answer, want) {
				t.Errorf("it does not say %q:\n%s", want, answer)
			}
		}
	}
	for range 2 { // as long as it is so
		if code, out, errs := s.take(dir); code != exitFailed || !strings.Contains(errs, "uplink-token.txt") {
			t.Errorf("%d\n%s%s", code, out, errs)
		}
		says("portti has found nothing to take in here.")
	}
	s.put(filepath.Join(dir, "portti/a.toml"), "[log]\nlevel = \"loud\"\n")
	if code, out, errs := s.take(dir); code != exitFailed {
		t.Errorf("with mistakes: %d\n%s%s", code, out, errs)
	}
	says("portti has taken nothing from here")
	s.put(filepath.Join(dir, "portti/a.toml"), "[log]\nlevel = \"warn\"\n")
	if code, out, errs := s.take(dir); code != exitOK || !strings.Contains(out, "notes.txt") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	says(stickDone)
	// What lay next to what was taken does not fail each start from then on.
	if code, out, errs := s.take(dir); code != exitOK || out+errs != "" {
		t.Errorf("once more: %d\n%s%s", code, out, errs)
	}
	says(stickDone)
	s.put(filepath.Join(dir, "portti/new.txt"), "x")
	wants = append(wants, "portti/new.txt: ")
	if code, out, errs := s.take(dir); code != exitFailed || !strings.Contains(errs, "new.txt") {
		t.Errorf("with another: %d\n%s%s", code, out, errs)
	}
	says("portti has found nothing")
}
