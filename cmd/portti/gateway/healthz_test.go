package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
)

func TestHealthz(t *testing.T) {
	fine := status.Document{Buffer: status.Buffer{State: status.BufferFull}, Devices: []status.Device{{Name: "gps", State: status.DeviceMissing}},
		Link: status.Link{State: status.LinkWaiting}, Problems: []status.Problem{{Code: "CLK-UNSET", Severity: status.Warning}}}
	for name, c := range map[string]struct {
		path   string
		change func(*status.Document)
		idle   time.Duration
		code   int
		says   string
	}{
		"live":                      {"/healthz/live", nil, liveWithin - 1, 200, "ok\n"},
		"a loop that stands":        {"/healthz/live", nil, liveWithin, 503, "not ok: loop\n"},
		"ready without an uplink":   {"/healthz/ready", nil, 0, 200, "ok\n"},
		"no disk":                   {"/healthz/ready", func(s *status.Document) { s.Buffer.State, s.Buffer.LastError = status.BufferDegraded, "EIO" }, 0, 503, "not ok: buffer\n"},
		"no device":                 {"/healthz/ready", func(s *status.Document) { s.Devices = nil }, 0, 503, "not ok: devices\n"},
		"nothing for a person":      {"/healthz/status", nil, 0, 200, "ok\n"},
		"a problem for a person":    {"/healthz/status", func(s *status.Document) { s.Problems[0].Severity = status.Error }, 0, 503, "not ok: CLK-UNSET\n"},
		"every part, in more lines": {"/healthz/ready?verbose", func(s *status.Document) { s.Buffer.State, s.Buffer.LastError = status.BufferDegraded, "E\nIO" }, 0, 503, "not ok: buffer\nbuffer\tfalse\tE\\x0aIO\ndevices\ttrue\t1\n"},
	} {
		s := fine
		s.Problems = append([]status.Problem{}, fine.Problems...)
		if c.change != nil {
			c.change(&s)
		}
		m := &metrics{status: func() status.Document { return s }, names: func() []string { return []string{"example.com"} }, looked: func() time.Duration { return c.idle }, log: slog.New(slog.DiscardHandler)}
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.code || w.Body.String() != c.says {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
	}
}

// They are read by whoever reads the metrics, and refused as those are.
func TestHealthzIsGuardedAsTheMetrics(t *testing.T) {
	m := &metrics{addr: "127.0.0.1:9470", status: evilStatus, looked: func() time.Duration { return 0 }, log: slog.New(slog.DiscardHandler)}
	r := httptest.NewRequest(http.MethodGet, "/healthz/live", nil)
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	if m.ServeHTTP(w, r); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), "ok\n") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
