package gateway_test

import (
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// TestOutageBeganWhenTheLinkWent: the attempts of an outage do not begin it anew.
func TestOutageBeganWhenTheLinkWent(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.Down()
	g := s.Run(gateway.Options{}) // tries each second at most
	started := g.Until("away for longer than any wait", func(st *status.Document) bool {
		return st.Link.State != status.LinkOnline && st.Link.SinceS > 2.5
	})
	s.Up()
	online := g.Until("online", func(st *status.Document) bool { return st.Link.State == status.LinkOnline })
	if online.Link.SinceS >= 2.5 || !online.Link.Since.After(started.Link.Since) {
		t.Errorf("online since %v, %v s", online.Link.Since, online.Link.SinceS)
	}
	s.Down()
	again := g.Until("away again for as long", func(st *status.Document) bool {
		return st.Link.State != status.LinkOnline && st.Link.SinceS > 2.5
	})
	if !again.Link.Since.After(online.Link.Since) {
		t.Errorf("away since %v", again.Link.Since)
	}
	g.Halt()
}
