package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"portti/buffer"
	"portti/cmd/portti/status"
	"portti/cmd/portti/web"
	"portti/cross/testkit"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
)

const evilName = "a\"b\\c\nd} 1\n# TYPE x\xff ,é"

func evilStatus() status.Document {
	return status.Document{
		Version: "1.2", Time: time.UnixMilli(1_700_000_100_500), UptimeS: 100.25,
		Gateway: status.Gateway{ID: "G1", Name: "gw", Config: "a1b2c3d4e5f6", Labels: map[string]string{"site": "a\"b", "customer": "x"}},
		Link:    status.Link{State: status.LinkOnline, RTTms: 12.5, Failures: 6, OnlineS: 61.5, WireBytes: 99, Connects: 3, SentBytes: 12_345_678_901, SentMessages: 2_000_000, ProvenMessages: 1_900_000, NextTryS: 1.5},
		Buffer:  status.Buffer{Waiting: 12, WaitingMemory: 5, WaitingDisk: 7, Bytes: 4096, CapacityBytes: 64e6, OldestAgeS: 2.5, HeadroomS: 3600, Commits: 9},
		Totals:  status.Totals{Ledger: status.Ledger{Read: 100, Acked: 78, Waiting: 12, Quarantined: 1, Lost: status.Losses{"age": 7, "new": 2}}, Accepted: 90, Resent: 4, LeftOut: 6, LostUnknown: true},
		Clock:   status.Clock{Trusted: true, Steps: 2}, Downlink: status.Downlink{Received: 10, Executed: 1, Refused: 2, Repeated: 3, Ignored: 4},
		Devices: []status.Device{
			{Name: evilName, Type: "lines", State: status.DeviceOK, LastAgeS: 10.5, Read: 60, Bytes: 700, Bad: 8, Unknown: 9},
			{Name: "b", Type: "gps", State: status.DeviceMissing, LastAgeS: -1, Read: 30},
		},
		Problems: []status.Problem{{Code: "DEV-GONE", Severity: status.Error, Subject: "a"}, {Code: "DEV-GONE", Severity: status.Error, Subject: "b"}, {Code: "CFG-INVALID", Severity: status.Warning}},
	}
}

func parsed(t *testing.T, text []byte) map[string]float64 {
	t.Helper()
	got, err := ParseMetrics(string(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return got
}

func evilEnds() map[uplink.End]uint64 {
	return map[uplink.End]uint64{{Dialed: true, Problem: "NET-DNS"}: 7, {Problem: "UP-NO-PONG"}: 2, {Code: 1001}: 1}
}

func evilBeyond() beyond {
	return beyond{
		link: uplink.Status{Ends: evilEnds(), ServerMessages: 9, ServerKinds: map[string]uint64{"notice": 4}, Quarantined: 5, TooBig: 2, TooLong: 1, BadUTF8: 2, BadJSON: 3, ForeignPongs: 4, ForeignAcks: 5,
			Unlogged: map[string]uint64{"uplink.closed": 7}},
		buffer:  buffer.Stats{Reopened: 1, SetAside: 2, Rollbacks: 3},
		devices: []device.Status{{Name: evilName, Heard: -1, Opens: [...]uint64{1, 2, 3, 4, 5, 6}}, {Name: "b", Heard: 0}},
		steps:   clock.Step{Count: 5, Back: 2}, ahead: -1500, aheadOK: true, unfed: 2 * time.Second, loaded: time.Minute,
		logged: map[string]uint64{"warn": 3}, unlogged: [...]uint64{8, 9}, page: web.New(web.Options{}),
	}
}

// evilMetrics has all that metrics tell of.
func evilMetrics(version string) metrics {
	return metrics{version: version, gps: evilSky, meters: new(meters), beyond: evilBeyond}
}

func evilSky() status.GPSDocument {
	hdop := 0.9
	return status.GPSDocument{Devices: []status.GPS{
		{Name: evilName, Fix: status.Fix3D, Position: &status.GPSPosition{HDOP: &hdop, Latitude: 62.123}, Satellites: []status.Satellite{{SNR: 30, Used: true}, {SNR: 20}, {Used: true}, {}}},
		{Name: "b", Fix: status.FixNone},
	}}
}

// Every figure is that of the status document, and no name spoils the page.
func TestMetricsAreTheStatus(t *testing.T) {
	s := evilStatus()
	m := evilMetrics("v\\1")
	m.meters.roundTrip.add(84 * time.Millisecond)
	m.meters.roundTrip.add(time.Hour)
	m.meters.commit.add(time.Millisecond)
	got := parsed(t, m.page(&s))
	evil := strconv.Quote(strings.ToValidUTF8(evilName, "\uFFFD"))
	want := map[string]float64{
		"portti_start_time_seconds":                                                             1_700_000_000,
		`portti_uplink_state{state="connecting"}`:                                               0,
		`portti_uplink_state{state="online"}`:                                                   1,
		`portti_uplink_state{state="waiting"}`:                                                  0,
		`portti_uplink_state{state="parked"}`:                                                   0,
		`portti_uplink_state{state="stopped"}`:                                                  0,
		`portti_uplink_connects_total{result="ok"}`:                                             3,
		`portti_uplink_connects_total{result="NET-DNS"}`:                                        7,
		`portti_uplink_disconnects_total{reason="UP-NO-PONG",code="0"}`:                         2,
		`portti_uplink_disconnects_total{reason="order",code="1001"}`:                           1,
		`portti_uplink_rtt_seconds_bucket{le="0.064"}`:                                          0,
		`portti_uplink_rtt_seconds_bucket{le="0.256"}`:                                          1,
		`portti_uplink_rtt_seconds_bucket{le="65.536"}`:                                         1,
		`portti_uplink_rtt_seconds_bucket{le="+Inf"}`:                                           2,
		`portti_uplink_rtt_seconds_sum`:                                                         3600.084,
		`portti_uplink_rtt_seconds_count`:                                                       2,
		`portti_buffer_commit_duration_seconds_bucket{le="0.001"}`:                              1,
		`portti_uplink_send_duration_seconds_count`:                                             0,
		`portti_log_messages_total{level="warn"}`:                                               3,
		`portti_log_messages_total{level="debug"}`:                                              0,
		`portti_log_messages_total{level="info"}`:                                               0,
		`portti_log_messages_total{level="error"}`:                                              0,
		"portti_uplink_backoff_seconds":                                                         1.5,
		"portti_uplink_failures_total":                                                          6,
		"portti_uplink_connected_seconds_total":                                                 61.5,
		"portti_uplink_wire_bytes_total":                                                        99,
		"portti_buffer_lost_unknown":                                                            1,
		"portti_device_bytes_total{device=" + evil + "}":                                        700,
		`portti_device_bytes_total{device="b"}`:                                                 0,
		"portti_device_frames_total{device=" + evil + `,result="bad"}`:                          8,
		"portti_device_frames_total{device=" + evil + `,result="unknown"}`:                      9,
		`portti_device_frames_total{device="b",result="bad"}`:                                   0,
		`portti_device_frames_total{device="b",result="unknown"}`:                               0,
		`portti_gateway_info{id="G1",name="gw",config="a1b2c3d4e5f6",customer="x",site="a\"b"}`: 1,
		"portti_uplink_smoothed_rtt_seconds":                                                    0.0125,
		"portti_uplink_sent_messages_total":                                                     2_000_000,
		"portti_uplink_sent_bytes_total":                                                        12_345_678_901,
		"portti_uplink_acked_messages_total":                                                    1_900_000,
		"portti_uplink_resent_messages_total":                                                   4,
		"portti_uplink_left_out_messages_total":                                                 6,
		"portti_buffer_messages":                                                                12,
		"portti_buffer_file_bytes":                                                              4096,
		"portti_buffer_capacity_bytes":                                                          64e6,
		"portti_buffer_oldest_age_seconds":                                                      2.5,
		"portti_buffer_headroom_seconds":                                                        3600,
		"portti_buffer_appended_messages_total":                                                 100,
		`portti_buffer_lost_messages_total{reason="new"}`:                                       2,
		"portti_buffer_quarantined_messages":                                                    1,
		`portti_buffer_commits_total{result="ok"}`:                                              9,
		"portti_device_up{device=" + evil + `,type="lines"}`:                                    1,
		`portti_device_up{device="b",type="gps"}`:                                               0,
		"portti_device_readings_total{device=" + evil + "}":                                     60,
		`portti_device_readings_total{device="b"}`:                                              30,
		"portti_device_last_reading_timestamp_seconds{device=" + evil + "}":                     1_700_000_090,
		"portti_clock_synchronized":                                                             1,
		"portti_gps_fix{device=" + evil + "}":                                                   3,
		`portti_gps_fix{device="b"}`:                                                            0,
		"portti_gps_satellites{device=" + evil + `,use="heard"}`:                                2,
		"portti_gps_satellites{device=" + evil + `,use="used"}`:                                 2,
		`portti_gps_satellites{device="b",use="heard"}`:                                         0,
		`portti_gps_satellites{device="b",use="used"}`:                                          0,
		"portti_gps_hdop{device=" + evil + "}":                                                  0.9,
		`portti_clock_steps_total{direction="forward"}`:                                         3,
		`portti_clock_steps_total{direction="back"}`:                                            2,
		"portti_clock_offset_seconds":                                                           -1.5,
		"portti_watchdog_last_feed_age_seconds":                                                 2,
		"portti_config_last_reload_success_timestamp_seconds":                                   1_700_000_060,
		"portti_uplink_missed_pongs_total":                                                      2,
		`portti_uplink_rejected_messages_total{reason="rejected"}`:                              3,
		`portti_uplink_rejected_messages_total{reason="too_big"}`:                               2,
		`portti_uplink_received_messages_total{type="other"}`:                                   5,
		`portti_uplink_received_messages_total{type="notice"}`:                                  4,
		`portti_uplink_protocol_errors_total{kind="too_big"}`:                                   1,
		`portti_uplink_protocol_errors_total{kind="bad_utf8"}`:                                  2,
		`portti_uplink_protocol_errors_total{kind="bad_json"}`:                                  3,
		`portti_uplink_protocol_errors_total{kind="unexpected"}`:                                9,
		`portti_buffer_recoveries_total{kind="reopened"}`:                                       1,
		`portti_buffer_recoveries_total{kind="quarantined"}`:                                    2,
		`portti_buffer_recoveries_total{kind="rebuilt"}`:                                        3,
		`portti_device_tags_heard{device="b"}`:                                                  0,
		`portti_log_suppressed_total{event="uplink.closed"}`:                                    7,
		`portti_log_suppressed_total{event="command.ignored"}`:                                  8,
		`portti_log_suppressed_total{event="command.limited"}`:                                  9,
		`portti_problem_active{code="DEV-GONE",severity="error"}`:                               1,
		`portti_problem_active{code="CFG-INVALID",severity="warning"}`:                          1,
		"portti_config_last_reload_success":                                                     0,
	}
	for account, n := range map[string]float64{"read": 100, "acked": 78, "lost": 9, "waiting": 12, "quarantined": 1} {
		want[`portti_ledger_messages{account="`+account+`"}`] = n
	}
	for result, n := range map[string]float64{"executed": 1, "refused": 2, "repeated": 3, "ignored": 4} {
		want[`portti_downlink_requests_total{result="`+result+`"}`] = n
	}
	for i, result := range []string{"ok", "enoent", "eacces", "ebusy", "eio", "other"} {
		want["portti_device_opens_total{device="+evil+`,result="`+result+`"}`] = float64(i + 1)
		want[`portti_device_opens_total{device="b",result="`+result+`"}`] = 0
	}
	for _, code := range []string{"2xx", "3xx", "4xx", "5xx"} {
		for _, method := range []string{"GET", "POST", "other"} {
			want[`portti_web_requests_total{code="`+code+`",method="`+method+`"}`] = 0
		}
	}
	for _, reason := range []string{"host", "origin", "session", "rate"} {
		want[`portti_web_rejected_total{reason="`+reason+`"}`] = 0
	}
	for _, r := range status.LossReasons() {
		want[`portti_buffer_lost_messages_total{reason="`+r+`"}`] = float64(s.Totals.Lost[r])
	}
	for key, value := range want {
		if g, ok := got[key]; !ok || g != value {
			t.Errorf("%s is %v, %v; want %v", key, g, ok, value)
		}
	}
	for key := range got {
		name, _, _ := strings.Cut(key, "{")
		if _, ok := want[key]; !ok && name != "portti_build_info" && !strings.HasPrefix(name, "process_") && !strings.HasPrefix(name, "go_") && !strings.Contains(name, "_seconds_") {
			t.Errorf("%s was not expected", key)
		}
	}
}

// What is not known is absent, not zero: an alert on little room must not ring.
func TestMetricsLeaveOutWhatIsNotKnown(t *testing.T) {
	var m metrics
	text := string(m.page(&status.Document{Devices: []status.Device{{Name: "a", LastAgeS: 3}}}))
	got := parsed(t, []byte(text))
	for _, name := range []string{"portti_buffer_headroom_seconds", "portti_uplink_smoothed_rtt_seconds", "portti_device_last_reading_timestamp_seconds", "portti_problem_active{"} {
		for key := range got {
			if strings.HasPrefix(key, name) {
				t.Errorf("%s is there", key)
			}
		}
	}
	for _, r := range status.LossReasons() {
		if _, ok := got[`portti_buffer_lost_messages_total{reason="`+r+`"}`]; !ok {
			t.Errorf("no sample for readings lost by %s", r)
		}
	}
}

// The start moves with a step of the wall clock, and not with its rounding.
func TestMetricsStartTime(t *testing.T) {
	var m metrics
	for i, c := range []struct{ ms, want int64 }{{1000_999, 1000}, {1001_001, 1000}, {999_400, 1000}, {5_000_000, 5000}, {5_000_999, 5000}} {
		if got := m.started(&status.Document{Time: time.UnixMilli(c.ms + 7000), UptimeS: 7}); got != c.want {
			t.Errorf("step %d: %d, want %d", i, got, c.want)
		}
	}
}

func TestStrictParserRefuses(t *testing.T) {
	const head = "# HELP a words\n# TYPE a gauge\n"
	if _, err := ParseMetrics(head + "a 1\na{b=\"c\"} 2\n"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", head + "a 1", head + "a 1\na 2\n", head + "b 1\n", "a 1\n", "# TYPE a gauge\na 1\n", "# HELP a words\na 1\n", head + head,
		"# HELP a w\n# TYPE a counter\na 1\n", "# HELP a_total w\n# TYPE a_total gauge\na_total 1\n", "# HELP a_total w\n# TYPE a_total counter\na_total -1\n",
		head + "a{b=\"c} 1\n", head + "a{b=\"\\t\"} 1\n", head + "a{b=\"c\",b=\"d\"} 1\n", head + "a x\n", head + "\na 1\n", "# HELP 1a w\n# TYPE 1a gauge\n"} {
		if got, err := ParseMetrics(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestMetricsAnswerOnlyOnePath(t *testing.T) {
	m := &metrics{status: evilStatus, names: func() []string { return []string{"example.com"} }, looked: func() time.Duration { return time.Second }, log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		method, path string
		code         int
	}{{"GET", "/metrics", 200}, {"GET", "/metrics?x=1", 200}, {"GET", "/", 404}, {"GET", "/metrics/", 404}, {"GET", "/api/v1/status", 404},
		{"GET", "/debug/pprof/", 404}, {"GET", "/healthz/live", 200}, {"GET", "/healthz/ready", 200}, {"GET", "/healthz/status", 503}, {"GET", "/healthz/", 404}, {"POST", "/healthz/live", 404}, {"POST", "/metrics", 404}, {"HEAD", "/metrics", 404}, {"PUT", "//metrics", 404}} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.code {
			t.Errorf("%s %s: %d", c.method, c.path, w.Code)
		}
		if c.code == 200 && strings.HasPrefix(c.path, "/metrics") && w.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
			t.Errorf("type %q", w.Header().Get("Content-Type"))
		}
	}
}

// sharedLog is a log that a test can wait for.
type sharedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running starts the metrics on addr and stops them with the test; no
// goroutine may be left then.
func running(t *testing.T, addr string, retry time.Duration) (log *sharedLog, stop func()) {
	t.Helper()
	log = &sharedLog{}
	var d doors
	m := &metrics{addr: addr, status: evilStatus, retry: retry, door: func(err error) bool { return d.set(doorMetrics, err) }, log: slog.New(slog.NewTextHandler(log, nil))}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { m.run(ctx, nil); close(done) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return log, stop
}

// addrIn is where the log says that metrics are served.
func addrIn(log string) string {
	_, rest, _ := strings.Cut(log, "metrics.started addr=")
	addr, _, _ := strings.Cut(rest, "\n")
	return addr
}

func scrape(t *testing.T, addr string) []byte {
	t.Helper()
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", r.Status, err)
	}
	return text
}

func TestMetricsServeAndStop(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	log, stop := running(t, "127.0.0.1:0", time.Hour)
	testkit.Eventually(t, "they are served", func() bool { return addrIn(log.String()) != "" })
	for range 2 * metricsConnections {
		parsed(t, scrape(t, addrIn(log.String())))
	}
	silent, err := net.Dial("tcp", addrIn(log.String())) // says nothing, and must not hold up the stop
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stop()
	if c, err := net.Dial("tcp", addrIn(log.String())); err == nil {
		c.Close()
		t.Error("they are served after the stop")
	}
}

// A port that is taken is said once, tried again, and had when it is free.
func TestMetricsPortTaken(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	go func() { // anybody who comes reaches the other one
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			c.Close()
			asked <- struct{}{}
		}
	}()
	log, stop := running(t, other.Addr().String(), 2*time.Millisecond)
	testkit.Eventually(t, "the log says so", func() bool { return strings.Contains(log.String(), "metrics.failed") })
	c, err := net.Dial("tcp", other.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	c.Close()
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "address already in use") {
		t.Errorf("%d lines: %s", n, log)
	}
	other.Close()
	testkit.Eventually(t, "they are served", func() bool { return addrIn(log.String()) != "" })
	parsed(t, scrape(t, addrIn(log.String())))
	stop()
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines: %s", n, log)
	}
}

func TestMetricsOffOrNowhere(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	log, stop := running(t, "", time.Millisecond)
	stop()
	if log.String() != "" {
		t.Errorf("off, and says: %s", log)
	}
	log, stop = running(t, "192.0.2.1:0", time.Millisecond) // not an address of ours
	testkit.Eventually(t, "the log says so", func() bool { return strings.Contains(log.String(), "metrics.failed") })
	stop()
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines: %s", n, log)
	}
}

// TestMetricsAreServedBesideIdleConnections: whoever connects and says nothing keeps
// nobody out, however many they are.
func TestMetricsAreServedBesideIdleConnections(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	log, stop := running(t, "127.0.0.1:0", time.Hour)
	testkit.Eventually(t, "they are served", func() bool { return addrIn(log.String()) != "" })
	for range metricsConnections + 3 {
		c, err := net.Dial("tcp", addrIn(log.String()))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET /metr")); err != nil {
			t.Fatal(err)
		}
	}
	parsed(t, scrape(t, addrIn(log.String())))
	stop()
}

// endless always has another connection.
type endless struct{ net.Listener }

func (endless) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}
func (endless) Close() error { return nil }

// TestFewListenerKeepsAPlaceFree: the one that waits longest without a request goes
// for the next.
func TestFewListenerKeepsAPlaceFree(t *testing.T) {
	l := &fewListener{Listener: endless{}, limit: 2}
	var all []*fewConn
	accept := func() {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.(*fewConn))
	}
	closed := func(c *fewConn) bool { return c.SetDeadline(time.Now()) != nil }
	accept()
	accept()
	all[0].busy.Store(true)
	accept()
	if closed(all[0]) || !closed(all[1]) || closed(all[2]) {
		t.Errorf("closed: %v %v %v", closed(all[0]), closed(all[1]), closed(all[2]))
	}
	all[0].Close()
	all[0].Close() // gives one place back, not two
	accept()
	if closed(all[2]) || len(l.open) != 2 {
		t.Errorf("closed %v, %d open", closed(all[2]), len(l.open))
	}
	all[2].busy.Store(true)
	all[3].busy.Store(true)
	accept()
	if !closed(all[2]) || len(l.open) != 2 {
		t.Errorf("closed %v, %d open", closed(all[2]), len(l.open))
	}
	l.exempt = func(net.Conn) bool { return true }
	if c, err := l.Accept(); err != nil || len(l.open) != 2 {
		t.Errorf("%T %v, %d open", c, err, len(l.open))
	}
}

// TestMetricsRefuseAForeignHost: a page in a browser cannot have them through a name
// of its own that leads here.
func TestMetricsRefuseAForeignHost(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	for _, c := range []struct {
		listen, host string
		code         int
	}{
		{"127.0.0.1:9470", "127.0.0.1:9470", 200},
		{"127.0.0.1:9470", "localhost:9470", 200},
		{"127.0.0.1:9470", "LocalHost", 200},
		{"127.0.0.1:9470", "127.0.0.2", 200},
		{"[::1]:9470", "[::1]:9470", 200},
		{"[::1]:9470", "[::1]", 200},
		{"localhost:9470", "localhost:1234", 200},
		{"127.0.0.1:9470", "evil.example:9470", 403},
		{"127.0.0.1:9470", "localhost.evil.example", 403},
		{"127.0.0.1:9470", "192.0.2.1:9470", 403},
		{"127.0.0.1:9470", "", 403},
		{"0.0.0.0:9470", "gw-kuopio-07:9470", 200},
		{":9470", "gw-kuopio-07:9470", 200},
		{"192.0.2.1:9470", "gw-kuopio-07:9470", 200},
		{":9470", host, 200},
		{":9470", host + ".local:9470", 200},
		{":9470", "192.0.2.9:9470", 200}, // the address that the request came in at
		{":9470", "127.0.0.1", 200},
		{"0.0.0.0:9470", "evil.example:9470", 421},
		{":9470", "localhost.evil.example", 421},
		{":9470", "198.51.100.1.evil.example", 421},
		{"192.0.2.1:9470", "198.51.100.1", 200}, // of a port that is forwarded
		{"192.0.2.1:9470", "[2001:db8::1]:9470", 200},
		{":9470", "", 200}, // HTTP/1.0
	} {
		m := &metrics{addr: c.listen, status: evilStatus, names: func() []string { return []string{"gw-kuopio-07"} }, log: slog.New(slog.DiscardHandler)}
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP("192.0.2.9"), Port: 9470}))
		r.Host = c.host
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%q on %s: %d, want %d", c.host, c.listen, w.Code, c.code)
		}
	}
}

func BenchmarkMetricsPage(b *testing.B) {
	s, m := evilStatus(), metrics{version: "1"}
	b.ReportAllocs()
	for b.Loop() {
		m.page(&s)
	}
}

// The page of documentation lists every family, as the metrics say it themselves.
func TestMonitoringPage(t *testing.T) {
	s := evilStatus()
	s.Link.Token = &status.Token{ExpiresAt: 1}
	m := evilMetrics("1")
	var rows strings.Builder
	kinds, helps := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(m.page(&s))) {
		line = strings.TrimSuffix(line, "\n")
		name, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "), " ")
		switch {
		case strings.HasPrefix(line, "# HELP "):
			helps[name] = rest
		case strings.HasPrefix(line, "# TYPE "):
			kinds[name] = rest
		default:
			name, labels, _ := strings.Cut(strings.TrimSuffix(line[:strings.LastIndex(line, " ")], "}"), "{")
			if family := strings.TrimSuffix(name, "_bucket"); kinds[family] == "histogram" {
				name = family
			}
			if helps[name] == "" {
				continue // it has its row
			}
			var names []string
			for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(labels, -1) {
				names = append(names, l[1])
			}
			if name == "portti_gateway_info" {
				names = []string{"id", "name", "config", "those of `labels`"}
			}
			fmt.Fprintf(&rows, "| `%s` | %s | %s | %s |\n", name, kinds[name], strings.Join(names, ", "), helps[name])
			delete(helps, name)
		}
	}
	const path = "../../../docs/monitoring.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| name | type | labels | meaning |\n|---|---|---|---|\n"
	before, after, _ := strings.Cut(string(page), head)
	_, rest, _ := strings.Cut(after, "|\n\n")
	want := before + head + rows.String()
	if rest != "" {
		want += "\n" + rest
	}
	testkit.Golden(t, path, want)
}
