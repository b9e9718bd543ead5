package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/cross/testkit"
)

// logged is a log that is read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// addr is where metrics are served, once the log says so.
func (l *logged) addr() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, rest, _ := strings.Cut(l.b.String(), "metrics.started")
	_, rest, _ = strings.Cut(rest, " addr=")
	addr, _, _ := strings.Cut(rest, "\n")
	return addr
}

// A collector that knows nothing but the metrics can hold the gateway to its
// promise: read = acked + lost + waiting + quarantined, at every moment.
func TestMetricsOfAGatewayAddUp(t *testing.T) {
	t.Parallel()
	s := rig.New(t, testbed.Options{})
	log := &logged{}
	s.Uplink = `fence_hold = "1h"`
	s.More = "[metrics]\nlisten = \"127.0.0.1:0\""
	g := s.Run(gateway.Options{Log: debugLog(log)})
	g.Until("metrics are served", func(*status.Document) bool { return log.addr() != "" })
	client := &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	look := func() map[string]float64 {
		t.Helper()
		r, err := client.Get("http://" + log.addr() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		m, err := gateway.ParseMetrics(string(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		sum := m[`portti_ledger_messages{account="acked"}`] + m["portti_buffer_messages"] + m["portti_buffer_quarantined_messages"]
		for key, n := range m {
			if strings.HasPrefix(key, "portti_buffer_lost_messages_total{") {
				sum += n
			}
		}
		if read := m["portti_buffer_appended_messages_total"]; read != sum {
			t.Fatalf("read %v, accounted for %v\n%s", read, sum, text)
		}
		return m
	}
	s.Line().Feed(300)
	g.Until("300 are acknowledged", func(st *status.Document) bool { look(); return st.Totals.Acked == 300 })
	s.Down()
	s.Line().Feed(200)
	// What was proven a moment ago waits again: fence_hold.
	g.Until("all wait", func(st *status.Document) bool { look(); return st.Totals.Read == 500 && st.Buffer.Waiting == 500 })
	got := look()
	for key, want := range map[string]float64{
		"portti_buffer_appended_messages_total":         500,
		"portti_uplink_acked_messages_total":            300,
		"portti_buffer_messages":                        500,
		`portti_device_readings_total{device="panel"}`:  500,
		`portti_device_up{device="panel",type="lines"}`: 1,
		`portti_uplink_state{state="online"}`:           0,
		"portti_config_last_reload_success":             1,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	for key, least := range map[string]float64{
		"portti_uplink_sent_messages_total":         300,
		"portti_uplink_acked_messages_total":        300,
		`portti_uplink_connects_total{result="ok"}`: 1,
		"portti_uplink_rtt_seconds_count":           1,
		"portti_uplink_send_duration_seconds_count": 1,
		"go_memstats_heap_inuse_bytes":              1,
	} {
		if got[key] < least {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	g.Halt()
	if _, err := client.Get("http://" + log.addr() + "/metrics"); err == nil {
		t.Error("metrics are served after the stop")
	}
}
