package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/status"
)

// fakeJournal puts a journalctl first in PATH that notes its arguments and says lines.
func fakeJournal(t *testing.T, lines string, code int) (args string) {
	t.Helper()
	dir := t.TempDir()
	args = filepath.Join(dir, "args")
	script := "#!/bin/sh\necho \"$@\" > '" + args + "'\ncat '" + filepath.Join(dir, "lines") + "'\nexit " + string(rune('0'+code)) + "\n"
	for name, text := range map[string]string{"journalctl": script, "lines": lines} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return args
}

const journal = `{"__REALTIME_TIMESTAMP":"1796000000000000","PRIORITY":"4","MESSAGE":"link is down \u001b[2J","PORTTI_EVENT":"uplink.closed","PORTTI_CODE":"NET-DNS"}
{"__REALTIME_TIMESTAMP":"1796000060000000","PRIORITY":"6","MESSAGE":[108,105,110,107,255]}
`

// logs runs portti logs beside a gateway whose last outage was from 1796000000 on for half
// an hour, 20 minutes ago by the monotonic clock.
func logs(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Chdir(t.TempDir())
	end := time.Unix(1_796_001_800, 0).UTC()
	done := end.Add(5 * time.Minute)
	doc := status.Document{Schema: 1, Running: true, Devices: []status.Device{}, Problems: []status.Problem{}}
	doc.Link.LastOutage = &status.Outage{Began: time.Unix(1_796_000_000, 0).UTC(), BeganS: 3000, Ended: &end, EndedS: 1200, Done: &done, DoneS: 900,
		Trusted: true, Code: "NET-DNS", Waited: 5, Delivered: 5}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("doc.json", text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := script{t: t}
	s.daemon("doc.json")
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"logs", "--socket", "run/portti.sock"}, args...), nil, &o, &e)
	return code, o.String(), e.String()
}

// TestLogsOfTheLastOutage: the lines from a minute before it until a minute after the last
// reading had arrived, and what it cost.
func TestLogsOfTheLastOutage(t *testing.T) {
	args := fakeJournal(t, journal, 0)
	code, out, errs := logs(t)
	if code != 0 || !strings.Contains(errs, "5 readings waited, all delivered") {
		t.Errorf("%d %s", code, errs)
	}
	if !strings.Contains(out, `  warning  link is down \x1b[2J`) || strings.Contains(out, "\x1b") || strings.Count(out, "\n") != 2 {
		t.Errorf("%q", out)
	}
	asked, err := os.ReadFile(args)
	if err != nil || !strings.Contains(string(asked), "--unit portti ") || !strings.Contains(string(asked), "--since @1795999940 --until @1796002160") {
		t.Errorf("%s %v", asked, err)
	}
}

func TestLogsAsJSON(t *testing.T) {
	fakeJournal(t, journal, 0)
	schema := loadSchema(t, "logs")
	code, out, errs := logs(t, "--json")
	var v logView
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || errs != "" || v.Schema != 1 || v.Outage == nil || len(v.Lines) != 2 {
		t.Fatalf("%d %v %s %s", code, err, out, errs)
	}
	if l := v.Lines[0]; l.Code != "NET-DNS" || l.Event != "uplink.closed" || l.Priority != 4 || l.At.Unix() != 1_796_000_000 {
		t.Errorf("%+v", l)
	}
	schema.validate(t, "portti logs", []byte(out))
}

func TestLogsSince(t *testing.T) {
	args := fakeJournal(t, journal, 0)
	if code, out, errs := logs(t, "--since", "2026-11-22", "--plain"); code != 0 || errs != "" || !strings.HasPrefix(out, "2026-11-30T") || !strings.Contains(out, "\twarning\t") {
		t.Errorf("%d %q %s", code, out, errs)
	}
	if asked, err := os.ReadFile(args); err != nil || strings.Contains(string(asked), "--until") {
		t.Errorf("%s %v", asked, err)
	}
}

// TestLogsWithoutAJournal says where the log may be.
func TestLogsWithoutAJournal(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if code, _, errs := logs(t, "--since", "1h"); code != exitFailed || !strings.Contains(errs, "there is no journalctl") || !strings.Contains(errs, "Try: ") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestLogsOfAJournalThatFails(t *testing.T) {
	fakeJournal(t, "", 0)
	if code, _, errs := logs(t, "--since", "1h"); code != exitFailed || !strings.Contains(errs, "no line of portti from then") {
		t.Errorf("%d %s", code, errs)
	}
	fakeJournal(t, "oops\n", 1)
	if code, _, errs := logs(t, "--since", "1h"); code != exitFailed || !strings.Contains(errs, "journalctl failed") {
		t.Errorf("%d %s", code, errs)
	}
	fakeJournal(t, "no json\n", 0)
	if code, _, errs := logs(t, "--since", "1h"); code != exitFailed || !strings.Contains(errs, "cannot read what journalctl says") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"20m": now.Add(-20 * time.Minute), "-6h": now.Add(-6 * time.Hour), "2d": now.AddDate(0, 0, -2),
		"02:10": now.Add(-9*time.Hour - 50*time.Minute), "14:00": now.Add(-22 * time.Hour),
		"2026-11-20": now.AddDate(0, 0, -2).Add(-12 * time.Hour), "2026-11-22 02:10": now.Add(-9*time.Hour - 50*time.Minute),
		"2026-11-22T02:10:00+02:00": now.Add(-11*time.Hour - 50*time.Minute),
	} {
		if got, err := moment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "25:00", "5"} {
		if got, err := moment(text, now); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
