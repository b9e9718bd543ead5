package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/buffer"
)

// TestProbeVerdicts: what each end of the other process means for the file. The
// scripts in testdata/probe end in the ways in which it can. Row 12.
func TestProbeVerdicts(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("no /bin/sh")
	}
	t.Setenv("PORTTI_TOKEN", "a secret")
	for _, c := range []struct {
		exe  string
		want string // in the error, "" for none
		none bool   // nothing was learnt
	}{
		{exe: "sound"},
		{exe: "unsafe", want: "exit status 1: cannot open it: no"},
		{exe: "killed", want: "signal: bus error"},
		{exe: "endless", want: "its time was over"},
		{exe: "chatty", want: "its time was over"},
		{exe: "mute", want: "exit status 2", none: true},
		{exe: "nowhere", want: "no such file", none: true},
	} {
		t.Run(c.exe, func(t *testing.T) {
			limit := time.Minute
			if strings.HasPrefix(c.want, "its time") {
				limit = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			exe, err := filepath.Abs(filepath.Join("testdata/probe", c.exe))
			if err != nil {
				t.Fatal(err)
			}
			err = probeWith(ctx, exe, "/a/file")
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Error(err)
			case errors.Is(err, buffer.ErrNoProbe) != c.none:
				t.Errorf("nothing learnt: %v, want %v", !c.none, c.none)
			case err != nil && strings.Contains(err.Error(), "more"):
				t.Error("more than the first line: ", err)
			}
		})
	}
}

// TestProbeNeverRunsATest: the link to the program leads to the tests here, and
// calling them would start them all again.
func TestProbeNeverRunsATest(t *testing.T) {
	if err := Probe(t.Context(), "/a/file"); !errors.Is(err, buffer.ErrNoProbe) {
		t.Error(err)
	}
}
