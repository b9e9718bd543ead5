//go:build faults

package faults

import (
	"os"
	"strings"
	"testing"

	"portti/cmd/portti/rig"
	"portti/cmd/portti/testbed"
)

// site is a place whose gateway is the built program.
type site struct{ *rig.Site }

func newSite(t *testing.T, o testbed.Options, names ...string) *site {
	t.Helper()
	s := &site{rig.New(t, o, names...)}
	s.wrap()
	return s
}

// wrap puts words in front of the program's name from the next start on.
func (s *site) wrap(words ...string) {
	s.Program = append(words, os.Getenv(binaryVar))
}

// quiet fails the test if the gateway has logged more lines than it should have.
func quiet(g *rig.Process, lines int) {
	g.Helper()
	if n := strings.Count(g.Said(), "\n"); n > lines {
		g.Errorf("the log has %d lines", n)
	}
}

// field finds a value in a file of lines such as "TracerPid:  0".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
