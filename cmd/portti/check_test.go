package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// fine is a gateway with nothing wrong.
func fine() *status.Document {
	return &status.Document{Schema: 1, Running: true, Version: buildInfo().Version, UptimeS: 3600,
		Link:   status.Link{State: status.LinkOnline, ProvenMessages: 5, RTTms: 20},
		Buffer: status.Buffer{State: status.BufferOK, Waiting: 12, OldestAgeS: 3, HeadroomS: 90000}}
}

func problem(code string, severity status.Severity, impacts bool) status.Problem {
	return status.Problem{Code: code, Severity: severity, ImpactsData: impacts, Sentence: "what " + code + " is"}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	usual := limits{age: [2]time.Duration{15 * time.Minute, 24 * time.Hour}, room: [2]time.Duration{0, time.Hour}}
	for name, c := range map[string]struct {
		change func(*status.Document)
		err    error
		l      limits
		code   int
		says   string
	}{
		"fine":    {l: usual, says: "PORTTI OK - 12 waiting, oldest 3 s | depth=12 lost=0 age=3s room=90000s"},
		"nothing": {l: usual, change: func(s *status.Document) { s.Buffer = status.Buffer{} }, says: "PORTTI OK - 0 waiting | depth=0 lost=0 age=0s"},
		"token refused": {l: usual, code: 1, change: func(s *status.Document) {
			s.Link.State, s.Problems = status.LinkParked, []status.Problem{problem("UP-AUTH-REJECTED", status.Error, false)}
			s.Buffer = status.Buffer{Waiting: 6480, OldestAgeS: 362}
		}, says: "PORTTI WARNING - 6480 waiting, oldest 6 min (UP-AUTH-REJECTED) | depth=6480 lost=0 age=362s"},
		"readings in danger": {l: usual, code: 2, change: func(s *status.Document) {
			s.Problems = []status.Problem{problem("DEV-GONE", status.Error, true), problem("DEV-GONE", status.Error, true), problem("CLK-UNSET", status.Warning, false), problem("CLK-STEP", status.Info, false)}
		}, says: "PORTTI CRITICAL - 12 waiting, oldest 3 s (DEV-GONE, CLK-UNSET) | "},
		"only information": {l: usual, change: func(s *status.Document) {
			s.Problems = []status.Problem{problem("CLK-STEP", status.Info, false)}
		}, says: "PORTTI OK - 12 waiting, oldest 3 s | "},
		"old":                           {l: usual, code: 1, change: func(s *status.Document) { s.Buffer.OldestAgeS = 900 }, says: "oldest 15 min"},
		"very old":                      {l: usual, code: 2, change: func(s *status.Document) { s.Buffer.OldestAgeS = 86400 }, says: "CRITICAL"},
		"little room":                   {l: usual, code: 2, change: func(s *status.Document) { s.Link.State, s.Buffer.HeadroomS = status.LinkWaiting, 3599 }, says: ", room for 59 min | "},
		"old, outside the uplink hours": {l: usual, change: func(s *status.Document) { s.Link.OpensS, s.Buffer.OldestAgeS = 60, 9000 }, says: "PORTTI OK"},
		"deep":                          {l: limits{depth: [2]uint64{12, 13}}, code: 1, says: "WARNING"},
		"too deep":                      {l: limits{depth: [2]uint64{11, 12}}, code: 2, says: "CRITICAL"},
		"lost":                          {l: limits{lost: [2]uint64{0, 1}}, code: 2, change: func(s *status.Document) { s.Totals.Lost = status.Losses{"full": 7} }, says: ", 7 lost | depth=12 lost=7"},
		"lost, no limit":                {l: usual, change: func(s *status.Document) { s.Totals.Lost = status.Losses{"full": 7} }, says: "PORTTI OK"},
		"not running":                   {l: usual, err: exit(exitNotRunning, errors.New("portti is not running (no socket at /x).")), code: 2, says: "PORTTI CRITICAL - not running (no socket at /x)."},
		"no answer":                     {l: usual, err: exit(exitUnknown, errors.New("no permission for /x | use sudo")), code: 3, says: "PORTTI UNKNOWN - no permission for /x / use sudo"},
	} {
		s := fine()
		if c.change != nil {
			c.change(s)
		}
		if v := verdictOn(s, c.err, c.l); v.Code != c.code || !strings.Contains(v.String(), c.says) || strings.Contains(v.String(), "\n") {
			t.Errorf("%s: %d %s", name, v.Code, v)
		}
	}
}

// gatewayStub answers on a socket as a gateway does, whatever now holds.
func gatewayStub(t *testing.T, now *atomic.Pointer[status.Document]) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "portti.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(now.Load()) })}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return socket
}

func TestCheckFormats(t *testing.T) {
	var now atomic.Pointer[status.Document]
	now.Store(fine())
	socket := gatewayStub(t, &now)
	check := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"check", "--socket", socket}, args...), nil, &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, said := check(); code != 0 || said != "PORTTI OK - 12 waiting, oldest 3 s | depth=12 lost=0 age=3s room=90000s\n" {
		t.Errorf("%d %s", code, said)
	}
	if code, said := check("--warn-depth", "10"); code != 1 || !strings.HasPrefix(said, "PORTTI WARNING - ") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := check("-q"); code != 0 || said != "" {
		t.Errorf("%d %q", code, said)
	}
	code, said := check("--json", "--crit-depth", "10")
	var v verdict
	if err := json.Unmarshal([]byte(said), &v); code != 2 || err != nil || v.State != "CRITICAL" || v.Code != 2 || v.Depth != 12 || !v.Running || v.Problems == nil {
		t.Errorf("%d %s %v", code, said, err)
	}
	if code, said := check("--format", "prometheus"); code != 0 || !strings.Contains(said, "\nportti_check_state 0\n") || !strings.Contains(said, "\nportti_check_depth 12\n") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := check("--format", "xml"); code != exitUsage || !strings.Contains(said, "nagios, json or prometheus") {
		t.Errorf("%d %s", code, said)
	}
	socket += "-gone"
	if code, said := check(); code != 2 || !strings.HasPrefix(said, "PORTTI CRITICAL - not running") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := check("--format", "prometheus"); code != 2 || strings.Contains(said, "depth") {
		t.Errorf("%d %s", code, said)
	}
}

func TestWhatAGatewayLacksOfBeingHealthy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*status.Document)
		noLink bool
		lacks  string
	}{
		"nothing":             {change: func(*status.Document) {}},
		"another version":     {change: func(s *status.Document) { s.Version = "0.1" }, lacks: "version 0.1 runs, not "},
		"just started":        {change: func(s *status.Document) { s.UptimeS = 9 }, lacks: "it runs for less than 10s"},
		"a bad configuration": {change: func(s *status.Document) { s.Problems = []status.Problem{problem("CFG-INVALID", status.Warning, false)} }, lacks: "what CFG-INVALID is"},
		"one that is refused": {change: func(s *status.Document) { s.Problems = []status.Problem{problem("CFG-REFUSED", status.Warning, false)} }, lacks: "what CFG-REFUSED is"},
		"one taken back": {change: func(s *status.Document) {
			s.Problems = []status.Problem{problem("CFG-TAKEN-BACK", status.Warning, false)}
		}, lacks: "what CFG-TAKEN-BACK is"},
		"a bad disk":           {change: func(s *status.Document) { s.Buffer.State, s.Buffer.LastError = status.BufferDegraded, "no space" }, lacks: "the buffer cannot be written: no space"},
		"a full buffer":        {change: func(s *status.Document) { s.Buffer.State = status.BufferFull }},
		"no link":              {change: func(s *status.Document) { s.Link = status.Link{State: status.LinkWaiting, LastError: "refused"} }, lacks: "there is no connection: refused"},
		"no link, none wanted": {change: func(s *status.Document) { s.Link = status.Link{State: status.LinkWaiting} }, noLink: true},
		"a silent server":      {change: func(s *status.Document) { s.Link = status.Link{State: status.LinkOnline} }, lacks: "the server has answered nothing yet"},
		"a ping alone":         {change: func(s *status.Document) { s.Link = status.Link{State: status.LinkOnline, RTTms: 3} }},
	} {
		s := fine()
		c.change(s)
		if got := unhealthy(s, nil, buildInfo().Version, c.noLink); got != c.lacks && (c.lacks == "" || !strings.HasPrefix(got, c.lacks)) {
			t.Errorf("%s: lacks %q", name, got)
		}
	}
}

// TestHealthyWaits: for a gateway that is not there yet, and then for what it lacks.
func TestHealthyWaits(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "portti.sock")
	check := func(ctx context.Context, within string) (int, string) {
		var out, errs bytes.Buffer
		code := run(ctx, []string{"check", "--healthy", "--within", within, "--socket", socket}, nil, &out, &errs)
		return code, out.String() + errs.String()
	}
	if code, said := check(t.Context(), "10ms"); code != exitFailed || !strings.Contains(said, "portti is not healthy within 10ms: portti is not running") {
		t.Errorf("%d %s", code, said)
	}
	done := make(chan string, 1)
	go func() {
		code, said := check(t.Context(), testkit.Patience.String())
		done <- strings.TrimSpace(said) + map[bool]string{true: "", false: " (failed)"}[code == exitOK]
	}()
	var now atomic.Pointer[status.Document]
	starting := fine()
	starting.Link = status.Link{State: status.LinkConnecting}
	now.Store(starting)
	asked := make(chan bool, 1)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(now.Load())
		select {
		case asked <- true:
		default:
		}
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	testkit.Receive(t, "it asks", asked)
	now.Store(fine())
	if said := testkit.Receive(t, "it is healthy", done); said != "portti is healthy: Readings reach the server, nothing lost." {
		t.Errorf("said %q", said)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if code, _ := check(ctx, "1m"); code != exitInterrupted {
		t.Errorf("interrupted it ends with %d", code)
	}
}
