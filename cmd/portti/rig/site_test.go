package rig

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// probe is a test that may fail without failing the one that looks at it.
type probe struct {
	testing.TB
	said strings.Builder
}

func (p *probe) Helper()                           {}
func (p *probe) Errorf(format string, args ...any) { fmt.Fprintf(&p.said, format+"\n", args...) }

func reading(tuid string, n int, ts string) string {
	return fmt.Sprintf(`{"tsmId":12100,"tsmEv":10,"tsmTs":%s,"tsmTuid":%q,"n":%d}`, ts, tuid, n)
}

// A judge that finds nothing wrong would judge nothing.
func TestWholeFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		more    []string // after readings 1 to 3 of the line, which were fed
		spare   int      // fed and not arrived
		retimed bool
		lost    uint64
		says    string // "" = nothing
	}{
		"all is well":                {},
		"a repeat":                   {more: []string{reading("T", 2, "7")}},
		"a stated loss":              {more: []string{`{"tsmId":90300,"tsmTuid":"G","count":1}`}},
		"a repeat with another time": {more: []string{reading("T", 2, "8")}, says: "came again with other bytes"},
		"the same, allowed":          {more: []string{reading("T", 2, "8")}, retimed: true},
		"a missing one":              {spare: 1, says: "1 of 4 missing, the first 4"},
		"one that was never fed":     {more: []string{reading("T", 4, "7")}, says: "number 4 was never fed"},
		"one of nobody's":            {more: []string{reading("X", 1, "7")}, says: "X number 1 was never fed"},
		"one without a number":       {more: []string{`{"tsmId":1}`}, says: "without a number"},
		"none at all":                {more: []string{"garbage"}, says: "without a number: garbage"},
		"a loss in the ledger":       {lost: 1, says: "the ledger has losses"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &probe{TB: t}
			s := &Site{TB: p, Oracle: NewOracle(), Lines: []*Line{{Name: "panel", Tuid: "T", at: make([]time.Time, 3+c.spare)}}}
			s.Oracle.Retimed = c.retimed
			for n := 1; n <= 3; n++ {
				s.Oracle.Take([]byte(reading("T", n, "7")), false)
			}
			for _, m := range c.more {
				s.Oracle.Take([]byte(m), false)
			}
			st := &status.Document{}
			if c.lost > 0 {
				st.Totals.Lost = status.Losses{"full": c.lost}
			}
			s.Whole(st)
			if said := p.said.String(); c.says == "" && said != "" || !strings.Contains(said, c.says) {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// One gateway in this process, from its start to its last word.
func TestSiteSettles(t *testing.T) {
	s := New(t, testbed.Options{}, "panel", "other")
	g := s.Run(gateway.Options{})
	s.Down()
	s.Lines[1].Feed(5)
	s.Line().Feed(10)
	g.Until("15 are read", Read(15))
	if s.Arrived(g.Status()) || s.Delivered(g.Status()) || g.Gone() {
		t.Error("delivered without a server")
	}
	s.Up()
	g.Until("all are delivered", s.Delivered)
	s.Settled(g.Halt())
	if !g.Gone() || s.Fed() != 15 || s.Oracle.Newest(s.Line().Tuid) != 10 {
		t.Errorf("%d fed, newest %d", s.Fed(), s.Oracle.Newest(s.Line().Tuid))
	}
}
