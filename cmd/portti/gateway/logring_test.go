package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
)

// ringed is a gateway with nothing but a log, at the level debug.
func ringed(secrets ...string) (g *Gateway, log *slog.Logger, out *bytes.Buffer) {
	out = &bytes.Buffer{}
	g = &Gateway{ring: &logRing{}, scrub: scrub{secrets: func() []string { return secrets }}}
	return g, slog.New(newRingHandler(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}), g.ring)), out
}

func TestLogRingKeepsWhatIsLogged(t *testing.T) {
	g, log, out := ringed()
	part := log.With("component", "uplink", "boot", 7)
	part.Warn("connection ended", "event", "uplink.closed", "code", "UP-CLOSED", "err", errors.New("two words"), "next_s", 2.5)
	part.With("device", "gps").Debug("frame", "bytes", 42)
	log.WithGroup("g").Info("in a group", "event", "is another thing")
	log.Error("it is over", "subject", "panel", "event", slog.AnyValue(errors.New("of any type")))
	got := g.Logs(web.LogFilter{})
	if len(got.Lines) != 4 || got.More || got.Oldest == nil || !got.Oldest.Equal(got.Lines[3].At) {
		t.Fatalf("got %+v", got)
	}
	for i := range got.Lines {
		if l := &got.Lines[i]; time.Since(l.At) > time.Minute || l.At.Location() != time.UTC {
			t.Errorf("line %d is of %v", i, l.At)
		} else {
			l.At = time.Time{}
		}
	}
	want := []status.LogLine{
		{Number: 4, Level: "error", Message: "it is over", Event: "of any type", Device: "panel"},
		{Number: 3, Level: "info", Message: "in a group", Rest: `g.event="is another thing"`},
		{Number: 2, Level: "debug", Message: "frame", Component: "uplink", Device: "gps", Rest: "boot=7 bytes=42"},
		{Number: 1, Level: "warn", Message: "connection ended", Event: "uplink.closed", Component: "uplink", Code: "UP-CLOSED", Rest: `boot=7 err="two words" next_s=2.5`},
	}
	if !slices.Equal(got.Lines, want) {
		t.Errorf("got  %+v\nwant %+v", got.Lines, want)
	}
	if n := strings.Count(out.String(), "\n"); n != 4 || !strings.Contains(out.String(), "component=uplink boot=7 event=uplink.closed") {
		t.Errorf("the log itself has %s", out)
	}
}

// TestLogRingIsBounded: by lines and by bytes, and lines of debug push out no other.
func TestLogRingIsBounded(t *testing.T) {
	g, log, _ := ringed()
	log.Error("the first")
	for i := range 10 * keptDebug {
		log.Debug("frame", "n", i)
	}
	got := g.Logs(web.LogFilter{})
	if n := len(got.Lines); n != keptDebug+1 || got.Lines[n-1].Message != "the first" || got.Lines[0].Rest != fmt.Sprintf("n=%d", 10*keptDebug-1) {
		t.Errorf("%d lines are kept, the oldest %+v, the newest %+v", n, got.Lines[n-1], got.Lines[0])
	}
	for i := range 3 * keptLines {
		log.Info("line", "n", i)
	}
	if n := len(g.Logs(web.LogFilter{Level: "info"}).Lines); n != keptLines {
		t.Errorf("%d lines are kept, may be %d", n, keptLines)
	}
	long := strings.Repeat("word ", 10_000)
	for range 200 { // 47 of them are as many bytes as may be kept
		log.Info(long, "err", long)
		log.Debug(long, "err", long)
	}
	got = g.Logs(web.LogFilter{})
	sum := 0
	for i := range got.Lines {
		sum += sizeOf(&got.Lines[i])
	}
	if sum > keptBytes+keptDebugBytes || sum < (keptBytes+keptDebugBytes)*9/10 || sum != g.ring.all.bytes+g.ring.debug.bytes {
		t.Errorf("%d bytes are kept, counted as %d and %d", sum, g.ring.all.bytes, g.ring.debug.bytes)
	}
	if few := g.Logs(web.LogFilter{Most: 3}); len(few.Lines) != 3 || !few.More {
		t.Errorf("of three lines %d came, more %v", len(few.Lines), few.More)
	}
}

func TestLogFilter(t *testing.T) {
	g, log, _ := ringed()
	log.Debug("a")
	log.Info("b", "device", "gps")
	log.Warn("c")
	log.Error("d", "device", "gps")
	for i := range g.ring.all.lines {
		g.ring.all.lines[i].At = time.Unix(int64(100*i), 0)
	}
	for _, c := range []struct {
		f    web.LogFilter
		want string
	}{
		{web.LogFilter{}, "dcba"}, {web.LogFilter{Level: "debug"}, "dcba"}, {web.LogFilter{Level: "info"}, "dcb"}, {web.LogFilter{Level: "warn"}, "dc"}, {web.LogFilter{Level: "error"}, "d"},
		{web.LogFilter{Device: "gps"}, "db"}, {web.LogFilter{Device: "gps", Level: "warn"}, "d"}, {web.LogFilter{Device: "x"}, ""}, {web.LogFilter{Level: "nonsense"}, "dcba"},
		{web.LogFilter{Level: "info", Since: time.Unix(100, 0)}, "dc"}, {web.LogFilter{Until: time.Unix(100, 0)}, "cb"},
	} {
		got := ""
		for _, l := range g.Logs(c.f).Lines {
			got += l.Message
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.f, got, c.want)
		}
	}
}

func TestLogsAsked(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for query, want := range map[string]web.LogFilter{
		"": {}, "level=warn&device=gps": {Level: "warn", Device: "gps"}, "since=20m": {Since: now.Add(-20 * time.Minute)}, "since=2026-03-04T02:00:00Z": {Since: now.Add(-10 * time.Hour)},
	} {
		q, _ := url.ParseQuery(query)
		if got, err := logsAsked(q, now); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", query, got, err)
		}
	}
	for _, query := range []string{"level=loud", "level=debug%20info", "since=yesterday", "since=-20m"} {
		q, _ := url.ParseQuery(query)
		if got, err := logsAsked(q, now); err == nil {
			t.Errorf("%s: got %+v", query, got)
		}
	}
}

// TestLogsHaveNoSecret: what got into the log in spite of all is taken out where it is shown,
// and where a line was cut no part of it stays.
func TestLogsHaveNoSecret(t *testing.T) {
	const canary = "canary-7f3d9a1c5e2b8064"
	g, log, _ := ringed(canary)
	log.Error("said "+canary, "err", "token="+canary, "device", canary)
	log.With("device", canary, "x", canary).Error("with", "password", "hunter22")
	for room := range len(canary) + 2 { // the cut falls on each of its bytes
		log.Error(strings.Repeat("x ", (longestText-room)/2) + canary + " and more")
	}
	text := fmt.Sprintf("%+v", g.Logs(web.LogFilter{}))
	for i := range len(canary) - 4 {
		if strings.Contains(text, canary[i:i+5]) {
			t.Fatalf("%s stands in it", canary[i:i+5])
		}
	}
	if strings.Contains(text, "hunter22") || !strings.Contains(text, "[redacted]") {
		t.Error("what has the shape of a secret stands in it")
	}
}

// TestSecretsAreReadAgain after a while, and not for every look; and nothing of them is kept
// longer than that.
func TestSecretsAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		s := scrub{secrets: func() []string { reads++; return []string{"canary-7f3d9a1c5e2b8064"} }}
		first := s.cleaner()
		time.Sleep(scrubFresh - time.Second)
		if s.cleaner(); reads != 1 {
			t.Errorf("%d reads for two looks", reads)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.mu.Lock(); s.kept != nil {
			t.Error("they are kept though nobody looks")
		}
		s.mu.Unlock()
		if s.cleaner(); reads != 2 {
			t.Errorf("%d reads after a while", reads)
		}
		if got := first("a canary-7f3d9a1c5e2b8064"); got != "a [redacted]" {
			t.Errorf("got %q", got)
		}
	})
}

// TestLinesAreCleanedOnce: the page asks for the same ones each second, on a Pi Zero too.
func TestLinesAreCleanedOnce(t *testing.T) {
	g, log, _ := ringed("canary-7f3d9a1c5e2b8064")
	for i := range 3 * keptLines {
		log.Warn("connection ended", "err", "canary-7f3d9a1c5e2b8064", "n", i)
	}
	if allocs := testing.AllocsPerRun(10, func() { g.Logs(web.LogFilter{Most: 200}) }); allocs > 50 {
		t.Errorf("%v allocations for lines that were looked at a moment ago", allocs)
	}
	for i := range 3 * keptLines {
		log.Warn("another", "n", i)
		g.Logs(web.LogFilter{Most: 1})
	}
	if n := len(g.scrub.kept.lines); n > keptLines+keptDebug {
		t.Errorf("%d lines are kept cleaned", n)
	}
	if text := fmt.Sprint(g.Logs(web.LogFilter{})); strings.Contains(text, "canary") {
		t.Error("a secret stands in it")
	}
}

// A line that is not logged costs nothing, and is not kept.
func TestRingTakesTheLevelOfTheLog(t *testing.T) {
	g, _, _ := ringed()
	log := slog.New(newRingHandler(slog.NewTextHandler(&bytes.Buffer{}, nil), g.ring))
	log.Debug("not this")
	log.Info("this")
	if got := g.Logs(web.LogFilter{}); len(got.Lines) != 1 || log.Enabled(context.Background(), slog.LevelDebug) {
		t.Errorf("got %+v", got.Lines)
	}
}
