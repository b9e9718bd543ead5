package main

import (
	"strings"
	"testing"
)

// The whole way once: simulated bytes on a pseudo-terminal, the daemon with
// its drivers, buffer and link, the receiver; the link cut and restored.
func TestDemoOnce(t *testing.T) {
	s := startVerb(t, "", "demo", "--once")
	s.ends(t, exitOK)
	for _, want := range []string{
		"XXXX00GPS00000001  1210", "XXXX00PNL00000001 12100", "XXXX00TAGSAUNA001 12100",
		"2. The link is cut", "link waiting", "none is lost", "The books balance",
	} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("the story lacks %q", want)
		}
	}
	if t.Failed() || s.err.String() != "" {
		t.Fatal(s.out.String(), s.err.String())
	}
}
