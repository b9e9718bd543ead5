package main

import (
	"log/slog"
	"strings"
	"testing"

	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// The whole way once: simulated bytes on a pseudo-terminal, the daemon with
// its drivers, buffer and link, the receiver; the link cut and restored. The
// story is told five times as fast as to people.
func TestDemoOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	o := demoOptions(&out, slog.New(slog.DiscardHandler), true)
	o.Pace, o.Patience = 5, testkit.Patience
	if err := testbed.Demo(t.Context(), o); err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{
		"XXXX00GPS00000001  1210", "XXXX00PNL00000001 12100", "XXXX00TAGSAUNA001 12100",
		"2. The link is cut", "link waiting", "none is lost", "The books balance",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story lacks %q:\n%s", want, out.String())
		}
	}
}
