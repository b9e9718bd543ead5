package main

import (
	"strings"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// TestWaitingIsOneNumber: stats, check and export of one gateway call the same
// readings waiting, and say what the others are.
func TestWaitingIsOneNumber(t *testing.T) {
	s := rig.New(t, testbed.Options{})
	s.Buffer = "commit_every = \"50ms\""
	s.Down()
	g := s.Run(gateway.Options{})
	s.Line().Feed(139)
	g.Until("they are on the disk", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 139 })
	s.Up()
	g.Until("they are delivered and held", func(st *status.Document) bool { return st.Buffer.Waiting == 0 && st.Buffer.Held >= 139 })
	v := script{t: t}
	for _, c := range []struct{ command, says string }{
		{"queue stats", "Waiting     0 readings"},
		{"queue stats", "Held        139 readings delivered, and kept until fence_hold is over"},
		{"queue check", "139 sound records in 1 file, 139 of them not released yet"},
		{"queue check", "According to the running gateway 0 wait"},
		{"queue check --json", `"waiting": 0`},
		{"queue export --out " + s.Dir + "/x.jsonl", "139 readings copied"},
		{"queue export --out " + s.Dir + "/y.jsonl", "have been delivered already (0 are waiting); those are held"},
	} {
		if !v.do("portti 0 "+c.command+" -c "+s.ConfigFile()) || !strings.Contains(v.stdout, c.says) {
			t.Errorf("%s lacks %q:\n%s%s", c.command, c.says, v.stdout, v.stderr)
		}
	}
	g.Halt()
	if !v.do("portti 0 queue check -c "+s.ConfigFile()) || strings.Contains(v.stdout, "running gateway") {
		t.Error(v.stdout, v.stderr)
	}
}
