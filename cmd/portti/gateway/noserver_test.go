package gateway_test

import (
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// Without a server devices are read and readings kept, it is said what to do, and once
// there is one it gets everything.
func TestGatewayWithoutAServer(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	server := s.URL
	s.URL, s.Uplink = "", `auth = "header"`
	g := s.Run(gateway.Options{})
	s.Line().Feed(100)
	st := g.Until("they wait", func(st *status.Document) bool { return st.Buffer.WaitingDisk == 100 })
	if st.Link.State != status.LinkStopped || st.Link.Problem != "CFG-NO-SERVER" || !rig.HasProblem(st, "CFG-NO-SERVER") {
		t.Errorf("link %+v, problems %+v", st.Link, st.Problems)
	}
	if got := st.Glance(); got != "No server is set; 100 readings wait, nothing lost." {
		t.Errorf("in a sentence: %s", got)
	}
	if got := g.Halt().Glance(); got != "Stopped; 100 readings wait, nothing lost." {
		t.Errorf("in a sentence, after the stop: %s", got)
	}
	s.URL, s.Uplink = server, ""
	g = s.Run(gateway.Options{})
	g.Until("they are delivered", s.Delivered)
	s.Settled(g.Halt())
}

// A gateway as it is installed has neither device nor server: it runs and says both.
func TestGatewayWithNothingToDo(t *testing.T) {
	t.Parallel()
	s := rig.Bare(t)
	g := s.Run(gateway.Options{})
	st := g.Until("it says so", func(st *status.Document) bool { return rig.HasProblem(st, "CFG-NO-DEVICE") })
	if !rig.HasProblem(st, "CFG-NO-SERVER") || st.Glance() != "Nothing to do: no device and no server is set; 0 readings wait, nothing lost." {
		t.Errorf("%s %+v", st.Glance(), st.Problems)
	}
	g.Halt()
}
