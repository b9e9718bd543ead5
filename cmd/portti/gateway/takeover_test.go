package gateway_test

import (
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// twin is a site with a line of its own whose gateway has the id of s and the
// same server, as one made of a copy of its card.
func twin(t *testing.T, s *rig.Site) *rig.Site {
	t.Helper()
	other := rig.Bare(t)
	other.Lines = []*rig.Line{rig.NewLine(t, other.Dir, "twin")}
	other.ID, other.URL, other.Uplink, other.Server, other.Oracle = s.ID, s.URL, s.Uplink, s.Server, s.Oracle
	return other
}

func takenOver(st *status.Document) bool { return rig.HasProblem(st, "UP-TAKEOVER") }

// Row 77: a copied card. Both gateways show it once each has connected again,
// and their readings arrive.
func TestTwoGatewaysWithOneIdentity(t *testing.T) {
	for _, ack := range []string{"count", "envelope"} {
		t.Run(ack, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, testbed.Options{Ack: ack})
			s.Uplink = "ack = \"" + ack + "\""
			other := twin(t, s)
			one, two := s.Run(gateway.Options{}), other.Run(gateway.Options{})
			for _, side := range []struct {
				*rig.Site
				*rig.Inside
			}{{s, one}, {other, two}} {
				side.Line().Feed(10)
				if st := side.Until("10 are delivered", side.Delivered); takenOver(st) {
					t.Error("said before it can be known")
				}
			}
			s.Server.Cut()
			one.Until("the first shows it", takenOver)
			two.Until("the second shows it", takenOver)
			for _, side := range []*rig.Site{s, other} {
				side.Line().Feed(10)
			}
			one.Until("the first delivers", s.Delivered)
			two.Until("the second delivers", other.Delivered)
			one.Halt()
			two.Halt()
			s.Oracle.Honest(t, s.Line(), other.Line())
		})
	}
}

// A gateway that is restarted and cut again and again is one gateway.
func TestRestartsAreOneIdentity(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{Ack: "count"})
	s.Uplink = "ack = \"count\""
	for range 5 {
		g := s.Run(gateway.Options{})
		for range 2 {
			s.Line().Feed(5)
			g.Until("they are delivered", s.Delivered)
			s.Server.Cut()
		}
		s.Line().Feed(5)
		g.Until("they are delivered after a cut", s.Delivered)
		if st := g.Halt(); takenOver(st) {
			t.Error("a restart is taken for a second gateway")
		}
	}
	if st := s.Server.Stats(); st.InUse != 0 || st.Connections < 10 {
		t.Errorf("%+v", st)
	}
}
