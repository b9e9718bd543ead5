package gateway_test

import (
	"os"
	"path/filepath"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// card is a copy of a state folder, as of a card that is read out.
func card(t *testing.T, s *rig.Site) string {
	t.Helper()
	dir := filepath.Join(rig.Folder(t), "card")
	if err := os.CopyFS(dir, os.DirFS(s.State)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func saved(n uint64) func(*status.Document) bool {
	return func(st *status.Document) bool { return st.Totals.Accepted == n && st.Buffer.WaitingMemory == 0 }
}

// A card is copied after a stop, or while the gateway runs, with readings on it that
// wait; both gateways deliver them and what they read themselves. Nothing is missing,
// and where the server keeps numbers nothing is stored twice, whoever comes first.
func TestACopiedCardLosesNothing(t *testing.T) {
	for _, ack := range []string{"envelope", "count", "fence"} {
		for _, how := range []string{"stopped", "running", "one after the other"} {
			t.Run(ack+", "+how, func(t *testing.T) {
				t.Parallel()
				s := rig.New(t, testbed.Options{Ack: ack})
				s.Uplink = "ack = \"" + ack + "\""
				s.Down()
				g := s.Run(gateway.Options{})
				s.Line().Feed(300)
				g.Until("300 are on disk", saved(300))
				if how == "stopped" {
					g.Halt()
				}
				other := twin(t, s)
				other.State = card(t, s)
				if how != "stopped" {
					g.Halt()
				}
				s.Up()
				sides := []*rig.Site{s, other}
				var running []*rig.Inside
				for _, side := range sides {
					g := side.Run(gateway.Options{})
					running = append(running, g)
					if how == "one after the other" {
						g.Until("what waited is delivered", rig.Drained)
					}
				}
				for i, g := range running {
					sides[i].Line().Feed(100)
					g.Until("all is delivered", sides[i].Delivered)
				}
				for _, g := range running {
					if st := g.Halt(); st.Totals.Lost.Sum() != 0 || st.Totals.Quarantined != 0 {
						t.Errorf("%+v", st.Totals)
					}
				}
				for _, side := range sides {
					if m := s.Oracle.Missing(side.Line().Tuid, 1, side.Line().Count()); len(m) > 0 {
						t.Errorf("%s: %d missing, the first %d", side.Line().Name, len(m), m[0])
					}
				}
				if st := s.Server.Stats(); ack == "envelope" && (st.Messages-st.Skipped != 500 || st.Skipped == 0) {
					t.Errorf("stored twice: %s", st.Summary())
				}
			})
		}
	}
}

// An old copy of a card is put back: what is on it was delivered long ago, and what
// the gateway reads then is not taken for that.
func TestAnOldCardPutBackLosesNothing(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{Ack: "envelope"})
	s.Uplink = `ack = "envelope"`
	s.Oracle.Retimed = true // the offset of the boot goes with the card
	s.Down()
	g := s.Run(gateway.Options{})
	s.Line().Feed(200)
	g.Until("200 are on disk", saved(200))
	old := card(t, s)
	s.Line().Feed(200)
	g.Until("400 are on disk", saved(400))
	s.Up()
	g.Until("all is delivered", s.Delivered)
	g.Halt()
	for range 3 {
		if err := os.RemoveAll(s.State); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(s.State, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		g = s.Run(gateway.Options{})
		s.Line().Feed(150)
		g.Until("what is new is delivered", s.Delivered)
		g.Halt()
	}
	s.Whole(nil)
	if st := s.Server.Stats(); st.Messages-st.Skipped != 850 {
		t.Errorf("stored twice: %s", st.Summary())
	}
}
