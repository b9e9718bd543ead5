package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// sampleSettings has a text in every place; text is one of them, and "" is no payload.
func sampleSettings(text string) Settings {
	or := func(usual string) string {
		if text != "" {
			return text
		}
		return usual
	}
	return Settings{File: or("/etc/portti/portti.toml"), Tables: []SettingsTable{
		{Settings: []Setting{{"config_version", "1", or("/etc/portti/portti.toml:1")}}},
		{Header: "[uplink]", Settings: []Setting{{"url", or(`"wss://ingest.example.net/socket?site=«set, 5 characters»"`), "/etc/portti/conf.d/10-site.toml:4"}, {"ack", `"fence"`, ""}}},
		{Header: "[uplink.headers]", Settings: []Setting{{or("X-Site"), `"[12 characters]"`, "environment PORTTI_UPLINK_HEADERS_X_SITE"}}},
		{Header: or("[[device]]"), Settings: []Setting{{"name", or(`"gps"`), "/etc/portti/portti.toml:20"}}},
	}, Changes: []SettingChange{
		{or("uplink.proxy"), or("none"), or("http://proxy.example:8080"), "link is made anew"},
		{"uplink.headers", "[12 characters]", "[12 characters]", or("link is made anew")},
	}}
}

func sampleLogs(text string) status.LogDocument {
	at := time.Date(2026, 3, 4, 11, 58, 0, 0, time.UTC)
	doc := status.LogDocument{Schema: 1, Oldest: &at, More: true, Lines: []status.LogLine{
		{Number: 4, At: at.Add(time.Minute), Level: "debug", Message: "frame read", Component: "device", Device: "gps", Rest: "bytes=42"},
		{Number: 3, At: at.Add(30 * time.Second), Level: "error", Message: "the server refuses the token", Component: "uplink", Event: "uplink.closed", Code: "UP-AUTH-REJECTED", Rest: `err="401 Unauthorized" next_s=60`},
		{Number: 2, At: at.Add(time.Second), Level: "warn", Message: "port ended", Component: "device", Device: "panel", Rest: `err="no such device"`},
		{Number: 1, At: at, Level: "info", Message: "portti runs", Component: "daemon"},
	}}
	if text != "" {
		l := &doc.Lines[1]
		l.Message, l.Event, l.Component, l.Code, l.Device, l.Rest = text, text, text, text, text, text
	}
	return doc
}

// drawnTab draws one of the pages.
func drawnTab(path, query, text string, role Role) string {
	doc := sample()
	if text != "" {
		doc = poisoned(text)
	}
	p := New(Options{Status: func() status.Document { return doc }, Settings: func() Settings { return sampleSettings(text) }, Logs: func(LogFilter) status.LogDocument { return sampleLogs(text) }})
	v := p.view(httptest.NewRequest("GET", path+"?"+query, nil), &doc)
	v.who = &session{role: role}
	var b strings.Builder
	v.frame(tabOf(path)).html(&b)
	return regexp.MustCompile(`\.[0-9a-f]{12}\.`).ReplaceAllString(b.String(), ".")
}

func TestPagesOfTheHeader(t *testing.T) {
	was := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = was })
	for _, lang := range []string{"en", "fi"} {
		testkit.Golden(t, "testdata/settings."+lang+".html", readable(drawnTab("/settings", "all=1&lang="+lang, "", Act)))
		testkit.Golden(t, "testdata/logs."+lang+".html", readable(drawnTab("/logs", "level=warn&lang="+lang, "", View)))
		testkit.Golden(t, "testdata/acts."+lang+".html", readable(drawnTab("/", "lang="+lang, "", Act)))
	}
}

// TestPayloadsInTheOtherPages: row L4, as of the overview.
func TestPayloadsInTheOtherPages(t *testing.T) {
	markup := regexp.MustCompile(`<[^>]*>`)
	attributes := regexp.MustCompile(`(value|href|datetime)="[^"]*"`) // that carry a text; one with another value is no other element
	for _, path := range []string{"/settings", "/logs", "/"} {
		of := func(text string) []string {
			return markup.FindAllString(attributes.ReplaceAllString(drawnTab(path, "all=1", text, Act), `$1=""`), -1)
		}
		want := of("harmless")
		for _, text := range payloads() {
			if got := of(text); !slices.Equal(got, want) {
				t.Errorf("%s: %q changes the markup", path, text)
			}
		}
	}
}

func TestMistakesOfTheFilesAreText(t *testing.T) {
	p := New(Options{})
	s := Settings{File: "/x", Error: "/etc/portti/portti.toml:3:1: <b>no</b>\n  3 | <b>\n\n"}
	v := p.view(httptest.NewRequest("GET", "/settings?lang=en", nil), nil)
	var b strings.Builder
	v.differences(&s).html(&b)
	if !strings.Contains(b.String(), "<li>/etc/portti/portti.toml:3:1: &lt;b&gt;no&lt;/b&gt;</li><li>  3 | &lt;b&gt;</li></ul>") {
		t.Errorf("got %s", b.String())
	}
}

// fakeActs counts what it is asked for.
type fakeActs struct {
	mu   sync.Mutex
	did  []string
	fail error
	was  string
	hold chan struct{} // nil = nothing waits
}

func (f *fakeActs) note(what string) error {
	if f.hold != nil {
		<-f.hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, what)
	return f.fail
}

func (f *fakeActs) Ping(context.Context) (status.RoundTrip, error) {
	return status.RoundTrip{RTTms: 41.2}, f.note("ping")
}
func (f *fakeActs) Reconnect() (string, error) { return f.was, f.note("reconnect") }
func (f *fakeActs) Reload(context.Context) ([]string, error) {
	return []string{"uplink: <b>url</b> changed"}, f.note("reload")
}
func (f *fakeActs) Test(_ context.Context, device string) ([]string, error) {
	return []string{`{"tsmId":1}`}, f.note("test " + device)
}

// TestActs: each button does what it says, once, and leads to where it stands, which shows
// what came of it, once.
func TestActs(t *testing.T) {
	for _, c := range []struct {
		act, body, did, at, says string
		fail                     error
	}{
		{"ping", "", "ping", "/", "The server answered in 41.2 ms.", nil},
		{"ping", "", "ping", "/", "</span> No answer to the ping.</p><ul class=\"said\"><li lang=\"en\">there is &lt;no&gt; connection</li>", errors.New("there is <no> connection")},
		{"reconnect", "", "reconnect", "/", "closed in order and made again", nil},
		{"test", "device=gps", "test gps", "/", "{&#34;tsmId&#34;:1}", nil},
		{"reload", "", "reload", "/settings", "uplink: &lt;b&gt;url&lt;/b&gt; changed", nil},
		{"reload", "", "reload", "/settings", "Nothing was changed.</p><ul class=\"said\"><li lang=\"en\">f:1:2: wrong</li><li lang=\"en\">f:2:2: wrong</li>", errors.New("f:1:2: wrong\nf:2:2: wrong")},
	} {
		s := newSite(t, false)
		s.acts.fail, s.acts.was = c.fail, status.LinkOnline
		act := s.signIn(Act)
		for range 2 { // as a double click does
			resp, text := s.send("POST", "/act/"+c.act+"?lang=en", c.body, "Cookie", act, "Content-Type", "application/x-www-form-urlencoded")
			where := resp.Header.Get("Location")
			if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(where, c.at+"?done=") || !strings.HasSuffix(where, "&lang=en#done") {
				t.Fatalf("%s: %s to %q %s", c.act, resp.Status, where, text)
			}
			for i, want := range []bool{true, false} {
				where, _, _ := strings.Cut(where, "#")
				_, text := s.do("GET", where, "Cookie", act)
				if got := strings.Contains(text, c.says); got != want {
					t.Errorf("%s: look %d shows it: %v, want %v: %s", c.act, i+1, got, want, c.says)
				}
			}
		}
		if !slices.Equal(s.acts.did, []string{c.did}) {
			t.Errorf("%s: the gateway was asked for %q", c.act, s.acts.did)
		}
		if log := s.log.String(); strings.Count(log, "event=web.acted") != 2 || !strings.Contains(log, "action="+c.act) || !strings.Contains(log, "session="+s.page.Sessions()[0].ID) {
			t.Errorf("%s: the log says %s", c.act, log)
		}
	}
}

// TestOutcomeIsOfItsSession: nobody else sees what came of it, or keeps the one who asked from
// seeing it.
func TestOutcomeIsOfItsSession(t *testing.T) {
	s := newSite(t, false)
	act, other := s.signIn(Act), s.signIn(Act)
	resp, _ := s.do("POST", "/act/ping?lang=en", "Cookie", act)
	where, _, _ := strings.Cut(resp.Header.Get("Location"), "#")
	if _, text := s.do("GET", where, "Cookie", other); strings.Contains(text, "41.2 ms.") {
		t.Error("another session sees it")
	}
	if _, text := s.do("HEAD", where, "Cookie", act); text != "" {
		t.Errorf("HEAD: %s", text)
	}
	if _, text := s.do("GET", where, "Cookie", act); !strings.Contains(text, "answered in 41.2 ms.") {
		t.Error("who asked does not see it")
	}
}

// TestGuardsOfThePages: who may look sees all pages and does nothing, and what would change
// something is no GET.
func TestGuardsOfThePages(t *testing.T) {
	s := newSite(t, false)
	look, act := s.signIn(View), s.signIn(Act)
	type try struct {
		what, method, path string
		want               int
		headers            []string
	}
	var tries []try
	for _, tab := range tabs() {
		tries = append(tries, try{"nobody", "GET", tab.path, 401, nil}, try{"who looks", "GET", tab.path, 200, []string{"Cookie", look}},
			try{"a session that is none", "GET", tab.path, 401, []string{"Cookie", look + "x"}}, try{"evil name", "GET", tab.path, 421, []string{"Cookie", look, "Host", "evil.example"}})
	}
	for _, a := range acts() {
		path := "/act/" + a.name + "?device=gps"
		tries = append(tries, try{"nobody", "POST", path, 401, nil}, try{"who looks", "POST", path, 403, []string{"Cookie", look}},
			try{"a session that is none", "POST", path, 401, []string{"Cookie", act + "x"}},
			try{"another site", "POST", path, 403, []string{"Cookie", act, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}},
			try{"another site, old browser", "POST", path, 403, []string{"Cookie", act, "Origin", "https://evil.example"}},
			try{"evil name", "POST", path, 421, []string{"Cookie", act, "Host", "evil.example"}},
			try{"a GET", "GET", path, 405, []string{"Cookie", act}}, try{"a HEAD", "HEAD", path, 405, []string{"Cookie", act}}, try{"a GET of who looks", "GET", path, 405, []string{"Cookie", look}})
	}
	tries = append(tries, try{"no such act", "POST", "/act/reboot", 404, []string{"Cookie", act}}, try{"no such device", "POST", "/act/test?device=x", 422, []string{"Cookie", act}},
		try{"reconnect, who looks", "POST", "/api/v1/uplink/reconnect", 403, []string{"Cookie", look}}, try{"reconnect, a GET", "GET", "/api/v1/uplink/reconnect", 405, []string{"Cookie", act}},
		try{"logs, nobody", "GET", "/api/v1/logs", 401, nil})
	for _, c := range tries {
		if resp, text := s.do(c.method, c.path, c.headers...); resp.StatusCode != c.want {
			t.Errorf("%s: %s %s: got %s, want %d; %.100s", c.what, c.method, c.path, resp.Status, c.want, text)
		}
	}
	if len(s.acts.did) > 0 || len(s.did) > 0 {
		t.Errorf("the gateway was asked for %q, %q", s.acts.did, s.did)
	}
	if _, text := s.send("POST", "/act/test", "device=gps&x="+strings.Repeat("x", maxBody), "Cookie", act, "Content-Type", "application/x-www-form-urlencoded"); len(s.acts.did) > 0 {
		t.Errorf("a body over the limit is taken: %s", text)
	}
	if _, text := s.do("GET", "/", "Cookie", look); strings.Contains(text, "/act/") || !strings.Contains(text, "portti web link --act") {
		t.Error("who may only look has buttons, or is not told how to get them")
	}
}

// TestTheSameAtOnceIsDoneOnce, whoever asks; after a moment it is done again.
func TestTheSameAtOnceIsDoneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d deeds
		var n atomic.Int64
		ask := func() float64 {
			return d.once("ping ", func() outcome { time.Sleep(time.Second); return outcome{ms: float64(n.Add(1))} }).ms
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if got := ask(); got != 1 {
					t.Errorf("got %v", got)
				}
			})
		}
		all.Wait()
		if got := ask(); got != 1 {
			t.Errorf("a moment later: %v", got)
		}
		if other := d.once("test gps", func() outcome { return outcome{ms: 7} }).ms; other != 7 {
			t.Errorf("something else: %v", other)
		}
		time.Sleep(actAgain)
		if got := ask(); got != 2 {
			t.Errorf("after a while: %v", got)
		}
	})
}

// TestLogsFollow: the stream of that page brings its lines as they were asked for, and the
// settings have none.
func TestLogsFollow(t *testing.T) {
	s := newSite(t, false)
	look := s.signIn(View)
	_, text := s.do("GET", "/logs?level=warn&device=gps&lang=en", "Cookie", look)
	found := regexp.MustCompile(`data-events="([^"]*)"`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("the page does not say where its events are: %.500s", text)
	}
	r, err := http.NewRequest("GET", s.URL+strings.ReplaceAll(found[1], "&amp;", "&"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", look)
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	var got string
	for !strings.Contains(got, "event: view") || !strings.HasSuffix(got, "\n\n") {
		n, err := resp.Body.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got += string(buf[:n])
	}
	if !strings.Contains(got, `"id":"log"`) || !strings.Contains(got, "the server refuses the token") || strings.Contains(got, `"id":"glance"`) {
		t.Errorf("the stream says %.2000s", got)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := (LogFilter{Level: "warn", Device: "gps", Most: logLines}); s.asked != want {
		t.Errorf("asked for %+v, want %+v", s.asked, want)
	}
	if _, text := s.do("GET", "/settings", "Cookie", look); strings.Contains(text, "data-events") || strings.Contains(text, "<script") {
		t.Error("the settings are followed: each second the files would be read")
	}
}

// TestSettingsHaveNoStream: each drawing of them reads the files.
func TestSettingsHaveNoStream(t *testing.T) {
	s := newSite(t, false)
	s.page.opt.Settings = func() Settings { t.Error("the files are read"); return Settings{} }
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/v1/events?page=/settings", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", s.signIn(View))
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.Status)
	}
}

// TestLogsOfTheOutage are those of its time and a minute around it.
func TestLogsOfTheOutage(t *testing.T) {
	began := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	ended, done := began.Add(time.Hour), began.Add(2*time.Hour)
	for _, c := range []struct {
		ended, done *time.Time
		until       time.Time
	}{{nil, nil, time.Time{}}, {&ended, nil, ended.Add(time.Minute)}, {&ended, &done, done.Add(time.Minute)}} {
		doc := sample()
		doc.Link.LastOutage = &status.Outage{Began: began, Ended: c.ended, Done: c.done}
		var asked LogFilter
		p := New(Options{Logs: func(f LogFilter) status.LogDocument { asked = f; return sampleLogs("") }})
		v := p.view(httptest.NewRequest("GET", "/logs?outage=1", nil), &doc)
		var b strings.Builder
		el("main", v.logs()).html(&b)
		if !asked.Since.Equal(began.Add(-time.Minute)) || !asked.Until.Equal(c.until) {
			t.Errorf("asked for %+v", asked)
		}
		if !strings.Contains(b.String(), "portti logs --last-outage") {
			t.Error("it does not say where the lines are that are not kept any more")
		}
	}
}

// TestAPIIsToldToo: what is done by the routes of the socket stands in the log as well.
func TestAPIIsToldToo(t *testing.T) {
	s := newSite(t, false)
	s.do("POST", "/api/v1/reload", "Cookie", s.signIn(Act))
	if log := s.log.String(); !strings.Contains(log, "action=/api/v1/reload") {
		t.Errorf("the log says %s", log)
	}
}

// lockedText is a log that may be read while it is written.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// withPages gives a page what its other pages and acts need.
func (s *site) withPages(o Options) Options {
	o.Log, o.Acts = slog.New(slog.NewTextHandler(&s.log, nil)), &s.acts
	o.Settings = func() Settings { return sampleSettings("") }
	o.Logs = func(f LogFilter) status.LogDocument {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = f
		return sampleLogs("")
	}
	return o
}
