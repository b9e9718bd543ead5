//go:build peers

package web

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// seen is what look.js prints.
type seen struct {
	Plot                                                               plotSeen
	Violations, Errors, Dialogs, Foreign, Axe, Wide, Keys, Names, Said []string
	Counts                                                             []int
	Others                                                             map[string][]int // of the other pages
	Plain, Gone                                                        string
	Links                                                              int
}

// plotSeen is what look.js saw of the plots.
type plotSeen struct {
	Dots                       int // of the canvas that are drawn
	Day, Hour, Chosen, Outage  string
	Buttons, Marks, HourPoints int
	DarkDiffers                bool
}

// TestInABrowser: row L4, the page in Chromium. Nothing offends its policy, no payload in any
// text does anything, whether the server drew it or the script; it fits a phone, is sound by
// axe, works without script, and says when the gateway is gone. PORTTI_SHOTS keeps the
// pictures.
func TestInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	testkit.Need(t, "chromium", err)
	testkit.NeedTool(t, "node", "npm")
	dir := nodeModules(t)
	shots := os.Getenv("PORTTI_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}

	var n atomic.Int64
	n.Store(-2)
	var server *httptest.Server
	began := time.Now()
	api := http.NewServeMux()
	api.HandleFunc("GET /api/v1/history", func(w http.ResponseWriter, r *http.Request) {
		h := sampleDay()
		if r.FormValue("seconds") == "1" {
			h.Seconds = sampleSeconds()
		}
		_ = json.NewEncoder(w).Encode(h)
	})
	// a route that the page has, and does not ask for by itself
	api.HandleFunc("GET /api/v1/queue", func(w http.ResponseWriter, r *http.Request) {
		if i, err := strconv.Atoi(r.FormValue("n")); err == nil {
			n.Store(int64(i))
			return
		}
		_ = server.Listener.Close()
		go server.CloseClientConnections()
	})
	text := func() string {
		switch i := int(n.Load()); i {
		case -2:
			return ""
		case -1:
			return "harmless"
		default:
			return payloads()[i]
		}
	}
	page := New(Options{API: api, Log: slog.New(slog.DiscardHandler), Acts: &fakeActs{was: status.LinkWaiting}, Status: func() status.Document {
		doc, run := sample(), time.Since(began)
		if text() != "" {
			doc = poisoned(text())
		}
		doc.Time, doc.UptimeS = doc.Time.Add(run), doc.UptimeS+run.Seconds() // or the page would think that the gateway is gone
		doc.Totals.Read += uint64(run.Seconds())
		return doc
	}, GPS: func() status.GPSDocument { return *sampleWhere(text()).gps }, Track: func() status.Track { return *sampleWhere(text()).track },
		Settings: func() Settings { return sampleSettings(text()) }, Logs: func(LogFilter) status.LogDocument { return sampleLogs(text()) },
		History: func() status.History {
			if text() == "" {
				return sampleDay()
			}
			return poisonedDay(text())
		}})
	server = httptest.NewServer(page.Handler(false))
	defer server.Close()
	base := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	look := exec.Command("node", filepath.Join(dir, "look.js"), chromium, base+page.Invite(Act), base+page.Invite(Act), fmt.Sprint(len(payloads())), shots)
	look.Stderr = os.Stderr
	out, err := look.Output()
	var s seen
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		t.Fatalf("%v: %.500s", err, out)
	}

	for what, list := range map[string][]string{"violations of the policy": s.Violations, "errors": s.Errors, "dialogs": s.Dialogs, "requests to elsewhere": s.Foreign, "findings of axe": s.Axe, "wider than the screen": s.Wide} {
		if len(list) > 0 {
			t.Errorf("%s: %q", what, list)
		}
	}
	for i, text := range append([]string{"harmless"}, payloads()...) {
		if s.Counts[i] != s.Counts[0] {
			t.Errorf("%q: %d elements, and %d without it", text, s.Counts[i], s.Counts[0])
		}
		for name, counts := range s.Others {
			if counts[i] != counts[0] {
				t.Errorf("%q: %s has %d elements, and %d without it", text, name, counts[i], counts[0])
			}
		}
		if s.Names[i] != clean(text) {
			t.Errorf("%q is shown as %q", text, s.Names[i])
		}
	}
	if !strings.Contains(s.Plain, "Lukemat menevät perille palvelimelle") || !strings.Contains(s.Plain, "ls -l /dev/serial/by-id/") {
		t.Errorf("without script the page says: %s", s.Plain)
	}
	p := s.Plot
	if p.Dots < 500 || p.Buttons != 5 || p.Marks == 0 || !p.DarkDiffers {
		t.Errorf("of the plot there is %+v", p)
	}
	if p.Day == p.Hour || p.HourPoints < 60 || !strings.Contains(p.Chosen, "Waiting") {
		t.Errorf("of the last hour there is %+v", p)
	}
	if !strings.HasPrefix(p.Outage, "Link down 02:10-02:40 (DNS).") && !strings.HasPrefix(p.Outage, "Link down yesterday") {
		t.Errorf("a tap on an outage says %q", p.Outage)
	}
	if !strings.Contains(s.Plain, "Yhteys poikki") || !strings.Contains(s.Plain, "Enimmillään odotti") {
		t.Errorf("without script the page says nothing of the last day: %s", s.Plain)
	}
	for i, want := range []string{"Palvelin vastasi 41,2 ms:ssa.", "Yhteyttä yritetään muodostaa nyt.", `{"tsmId":1}`, "uplink: <b>url</b> changed"} {
		if len(s.Said) <= i || !strings.Contains(s.Said[i], want) {
			t.Errorf("the buttons without script say %q; the one of %d should say %q", s.Said, i, want)
		}
	}
	if len(s.Keys) != s.Links || strings.Contains(strings.Join(s.Keys, ""), "unseen") {
		t.Errorf("by the keyboard one reaches %q", s.Keys)
	}
	if !strings.Contains(s.Gone, "No connection to the gateway") {
		t.Errorf("when the gateway is gone the page says: %s", s.Gone)
	}
}

// sampleSeconds are the last two minutes by the second.
func sampleSeconds() (s status.Series) {
	end := sampleDay().Time.Unix()
	for i := range int64(120) {
		s.At, s.Waiting, s.Bytes = append(s.At, end-119+i), append(s.Waiting, uint64(i%5)), append(s.Bytes, 1_000_000+i)
		s.In, s.Out, s.Lost, s.Online = append(s.In, 1), append(s.Out, 1), append(s.Lost, 0), append(s.Online, 100)
	}
	return s
}

// nodeModules is a folder with look.js and what it needs.
func nodeModules(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/browser")); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		testkit.Need(t, "playwright-core and axe-core", fmt.Errorf("npm ci: %w\n%s", err, out))
	}
	return dir
}
