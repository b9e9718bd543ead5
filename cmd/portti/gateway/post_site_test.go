package gateway_test

import (
	"strings"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// TestGatewayPosts: from the port to a web server, over an outage and a restart; what the
// gateway says was delivered is what the server has.
func TestGatewayPosts(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.URL, s.Uplink = "http"+strings.TrimPrefix(s.URL, "ws"), `engine = "http"`+"\n"+s.Uplink
	g := s.Run(gateway.Options{})
	s.Line().Feed(300)
	st := g.Until("300 arrive", s.Delivered)
	if st.Link.State != status.LinkOnline || st.Link.Ack != "answer" || st.Link.RTTms == 0 {
		t.Errorf("%+v", st.Link)
	}
	s.Server.Refuse(true)
	s.Line().Feed(300)
	g.Until("the server is ill", func(st *status.Document) bool { return len(st.Problems) > 0 && st.Buffer.Waiting >= 300 })
	g.Halt()
	g = s.Run(gateway.Options{})
	s.Server.Refuse(false)
	s.Line().Feed(300)
	g.Until("all of them arrive", s.Delivered)
	g.Halt()
	if got := s.Server.Stats(); got.Messages < 900 || got.Bad != 0 {
		t.Errorf("the server has %s", got.Summary())
	}
}
