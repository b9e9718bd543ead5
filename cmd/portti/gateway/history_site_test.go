package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// askSocket puts a question to one of the sockets.
func askSocket(t *testing.T, path, method, page string) (code int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://portti"+page, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// TestHistoryOfAnOutage: a real link goes and comes, and both sockets tell of it.
func TestHistoryOfAnOutage(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	s.Line().Feed(20)
	g.Until("the first twenty are delivered", s.Delivered)
	s.Down()
	g.Until("the link is away", func(st *status.Document) bool { return st.Link.State == status.LinkWaiting })
	s.Line().Feed(300)
	g.Until("they wait, and it has lasted a second", func(st *status.Document) bool { return st.Totals.Waiting >= 300 && st.Link.SinceS > 1 })
	s.Up()
	g.Until("all are delivered", s.Delivered)
	run := s.Load().Paths.Run
	for _, socket := range []string{config.SocketName, config.StatusSocketName} {
		code, body := askSocket(t, filepath.Join(run, socket), http.MethodGet, "/api/v1/history?seconds=1")
		var h status.History
		if err := json.Unmarshal([]byte(body), &h); err != nil || code != http.StatusOK || h.Schema != status.Schema {
			t.Fatalf("%s: %d %v %s", socket, code, err, body)
		}
		if len(h.Outages) == 0 || len(h.Links) < 3 {
			t.Fatalf("%s: %s", socket, body)
		}
		o := h.Outages[len(h.Outages)-1]
		if o.Ended == nil || o.Waited < 300 || o.Lost.Sum() != 0 || o.Code == "" || o.Why == "" || o.FromStart || o.Seconds() < 1 {
			t.Errorf("%+v", o)
		}
	}
	st := g.Until("the history knows that all has arrived", func(*status.Document) bool {
		h := g.Instance.History(false)
		o := h.Outages[len(h.Outages)-1]
		return o.Done != nil && o.Left == 0 && o.Delivered >= 300
	})
	if st.Link.LastOutage != nil {
		t.Errorf("an outage of seconds that cost nothing is everyday life: %+v", st.Link.LastOutage)
	}
	s.Settled(g.Halt())
}

// TestPingOverTheLink: a round trip is measured when asked, by members of the group alone,
// and where there is no connection the sentence says why.
func TestPingOverTheLink(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	g.Until("online", func(st *status.Document) bool { return st.Link.State == status.LinkOnline })
	run := s.Load().Paths.Run
	members := filepath.Join(run, config.SocketName)
	for range 3 {
		code, body := askSocket(t, members, http.MethodPost, "/api/v1/ping?within=10s")
		var r status.RoundTrip
		if err := json.Unmarshal([]byte(body), &r); err != nil || code != http.StatusOK || r.RTTms <= 0 || !strings.HasPrefix(r.Server, "ws://") {
			t.Fatalf("%d %v %s", code, err, body)
		}
	}
	if code, body := askSocket(t, filepath.Join(run, config.StatusSocketName), http.MethodPost, "/api/v1/ping"); code != http.StatusForbidden {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := askSocket(t, members, http.MethodPost, "/api/v1/ping?within=soon"); code != http.StatusBadRequest {
		t.Error(code)
	}
	s.Down()
	g.Until("the link is away", func(st *status.Document) bool { return st.Link.State != status.LinkOnline && st.Link.LastError != "" })
	if code, body := askSocket(t, members, http.MethodPost, "/api/v1/ping"); code != http.StatusUnprocessableEntity || !strings.HasPrefix(body, "there is no connection to ws://") {
		t.Errorf("%d %s", code, body)
	}
	g.Halt()
}

// TestPingOfASilentServer gives up when it was told to.
func TestPingOfASilentServer(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	g := s.Run(gateway.Options{})
	g.Until("online", func(st *status.Document) bool { return st.Link.State == status.LinkOnline })
	s.Server.Mute(true)
	code, body := askSocket(t, filepath.Join(s.Load().Paths.Run, config.SocketName), http.MethodPost, "/api/v1/ping?within=300ms")
	if code != http.StatusUnprocessableEntity || !strings.Contains(body, "did not answer a ping within 300ms") {
		t.Errorf("%d %s", code, body)
	}
	g.Halt()
}
