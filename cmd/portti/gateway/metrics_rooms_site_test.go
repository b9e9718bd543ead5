package gateway_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cross/testkit"
)

// TestMetricsOfTheRooms: what the rooms count comes to the metrics of a whole gateway: a
// port that is missing and then there, a server that talks nonsense and tells the time, a
// page that is asked by another name, a watchdog that is fed, and a reload.
func TestMetricsOfTheRooms(t *testing.T) {
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(rig.Folder(t), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	go io.Copy(io.Discard, systemd)
	t.Setenv("NOTIFY_SOCKET", systemd.LocalAddr().String())
	t.Setenv("WATCHDOG_USEC", "20000000")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := new(websocket.Upgrader).Upgrade(w, r, http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}})
		if err != nil {
			return
		}
		defer c.Close()
		for _, text := range []string{"hello", "\xff", `{"type":"news"}`} {
			_ = c.WriteMessage(websocket.TextMessage, []byte(text))
		}
		for err == nil {
			_, _, err = c.ReadMessage()
		}
	}))
	defer server.Close()

	s := rig.Bare(t)
	s.Lines = append(s.Lines, rig.NewLine(t, s.Dir, "panel"))
	s.URL = strings.Replace(server.URL, "http", "ws", 1)
	log := &logged{}
	s.More = "[metrics]\nlisten = \"127.0.0.1:0\"\n[web]\nlisten = \"127.0.0.1:0\""
	o := reloads(s)
	o.Log, o.Built = debugLog(log), time.Now().Add(-24*time.Hour)
	g := s.Run(o)
	g.Until("metrics are served", func(*status.Document) bool { return log.addr() != "" })
	client := &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	look := func() map[string]float64 {
		t.Helper()
		resp, err := client.Get("http://" + log.addr() + "/metrics")
		_, text := body(t, resp, err)
		m, err := gateway.ParseMetrics(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return m
	}
	opens := func(result string) string { return `portti_device_opens_total{device="panel",result="` + result + `"}` }
	s.Line().Unplug()
	testkit.Eventually(t, "the port is missing", func() bool { return look()[opens("enoent")] > 0 })
	s.Line().Plug()
	testkit.Eventually(t, "the port is there", func() bool { return look()[opens("ok")] == 2 })
	testkit.Eventually(t, "the server was heard", func() bool { return look()[`portti_uplink_received_messages_total{type="other"}`] == 3 })

	page := strings.Split(waitLink(t, s, "").URLs[0], "/signin/")[0]
	r, err := http.NewRequest(http.MethodGet, page, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	resp, err := client.Do(r)
	body(t, resp, err)
	if _, err := g.Instance.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := look()
	for key, want := range map[string]float64{
		`portti_uplink_protocol_errors_total{kind="bad_json"}`:    1,
		`portti_uplink_protocol_errors_total{kind="bad_utf8"}`:    1,
		`portti_uplink_protocol_errors_total{kind="too_big"}`:     0,
		`portti_web_rejected_total{reason="host"}`:                1,
		`portti_web_requests_total{code="4xx",method="GET"}`:      1,
		`portti_web_requests_total{code="2xx",method="GET"}`:      0,
		`portti_buffer_recoveries_total{kind="reopened"}`:         0,
		`portti_log_suppressed_total{event="command.ignored"}`:    0,
		`portti_uplink_rejected_messages_total{reason="too_big"}`: 0,
	} {
		if n, there := got[key]; !there || n != want {
			t.Errorf("%s is %v, %v; want %v", key, n, there, want)
		}
	}
	if off := got["portti_clock_offset_seconds"]; off > -3590 || off < -3610 {
		t.Errorf("%v s ahead of a server that is an hour ahead", off)
	}
	if age, there := got["portti_watchdog_last_feed_age_seconds"]; !there || age < 0 || age > testkit.Patience.Seconds() {
		t.Errorf("fed %v s ago, %v", age, there)
	}
	if at := got["portti_config_last_reload_success_timestamp_seconds"]; at <= got["portti_start_time_seconds"] || at > float64(time.Now().Unix())+1 {
		t.Errorf("the configuration was taken at %v, the start was at %v", at, got["portti_start_time_seconds"])
	}
	if _, there := got[`portti_device_tags_heard{device="panel"}`]; there {
		t.Error("a panel hears tags")
	}
	g.Halt()
}
