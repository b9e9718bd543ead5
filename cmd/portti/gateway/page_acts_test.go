package gateway_test

import (
	"errors"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// TestReconnectLosesNothing: a connection that is up is made anew with nothing lost or sent
// twice, one that waits is tried at once, and each of it stands in the log that the page
// shows.
func TestReconnectLosesNothing(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.More = "[web]\nlisten = \"127.0.0.1:0\""
	long := filepath.Join(s.Dir, "conf.d", "10-wait.toml")
	if err := errors.Join(os.Mkdir(filepath.Dir(long), 0o755), os.WriteFile(long, []byte("[uplink.backoff]\nbase = \"1h\"\ncap = \"1h\"\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	o := reloads(s)
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) // the one that the site gives takes nothing
	g := s.Run(o)
	act := browser(t)
	l := waitLink(t, s, "?role=act")
	resp, err := act.Post(l.URLs[0], "", nil)
	body(t, resp, err)
	base := "http://localhost:" + l.Port
	press := func(name string, values url.Values) string {
		t.Helper()
		resp, err := act.PostForm(base+"/act/"+name+"?lang=en", values)
		code, text := body(t, resp, err)
		if code != 200 {
			t.Fatalf("%s: %d %s", name, code, text)
		}
		return text
	}
	s.Line().Feed(50)
	before := g.Until("they are delivered", s.Delivered)
	if text := press("reconnect", nil); !strings.Contains(text, "closed in order and made again") {
		t.Errorf("reconnecting says %.3000s", text)
	}
	s.Line().Feed(50)
	st := g.Until("another connection carries the rest", func(st *status.Document) bool {
		return st.Link.Connects > before.Link.Connects && st.Link.State == status.LinkOnline && s.Delivered(st)
	})
	if st.Totals.Resent != before.Totals.Resent {
		t.Errorf("%d were sent again", st.Totals.Resent)
	}
	if text := press("ping", nil); !strings.Contains(text, "The server answered in ") {
		t.Errorf("a ping says %.3000s", text)
	}
	s.Down()
	g.Until("it waits for long", func(st *status.Document) bool { return st.Link.State == status.LinkWaiting && st.Link.NextTryS > 60 })
	s.Line().Feed(50)
	s.Up()
	var done gateway.Reconnected
	if code := overSocket(t, s, "POST", "/api/v1/uplink/reconnect", &done); code != 200 || done.Was != status.LinkWaiting {
		t.Errorf("%d %+v", code, done)
	}
	g.Until("it is back, and delivers", func(st *status.Document) bool { return st.Link.State == status.LinkOnline && s.Delivered(st) })
	var log status.LogDocument
	overSocket(t, s, "GET", "/api/v1/logs", &log)
	for _, want := range []string{"daemon.started", "web.acted", "web.signed-in"} {
		found := false
		for _, l := range log.Lines {
			found = found || l.Event == want
		}
		if !found {
			t.Errorf("the log does not have %s", want)
		}
	}
	s.Settled(g.Halt())
}

// TestDeviceIsTested: the page shows what is sent of it, which is sent as ever.
func TestDeviceIsTested(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	s.More = "[web]\nlisten = \"127.0.0.1:0\""
	g := s.Run(reloads(s))
	act := browser(t)
	l := waitLink(t, s, "?role=act")
	resp, err := act.Post(l.URLs[0], "", nil)
	body(t, resp, err)
	said := make(chan string, 1)
	go func() {
		resp, err := act.PostForm("http://localhost:"+l.Port+"/act/test?lang=en", url.Values{"device": {s.Line().Name}})
		if err != nil {
			said <- err.Error()
			return
		}
		_, text := body(t, resp, nil)
		said <- text
	}()
	g.Until("it follows", func(st *status.Document) bool { return st.Devices[0].Followers == 1 })
	s.Line().Feed(20)
	if text := <-said; strings.Count(text, "&#34;tsmTuid&#34;:&#34;"+s.Line().Tuid+"&#34;") != 5 {
		t.Errorf("the page says %.3000s", text)
	}
	g.Until("they are delivered, and nobody follows any more", func(st *status.Document) bool { return s.Delivered(st) && st.Devices[0].Followers == 0 })
	s.Settled(g.Halt())
}

// TestNothingToConnectTo: where there is no server the answer is a sentence.
func TestNothingToConnectTo(t *testing.T) {
	t.Parallel()
	g := rig.Bare(t).Run(gateway.Options{})
	if r, err := g.Instance.Reconnect(); err == nil || err.Error() != "no server is set, so there is nothing to connect to" {
		t.Errorf("got %+v, %v", r, err)
	}
}
