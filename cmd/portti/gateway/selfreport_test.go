package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/thingsee"
	"portti/device/thingsee/thingseetest"
)

// sentMessage is one message of the gateway as it would be kept.
type sentMessage struct {
	at time.Time
	thingseetest.Received
}

func (s sentMessage) number(name string) (v float64) {
	for _, f := range s.Fields {
		if f.Name == name {
			_ = json.Unmarshal(f.JSON, &v)
			return v
		}
	}
	return -1
}

func (s sentMessage) text(name string) (v string) {
	for _, f := range s.Fields {
		if f.Name == name {
			_ = json.Unmarshal(f.JSON, &v)
		}
	}
	return v
}

// reportTest is a selfReport whose messages a test receives, told second by
// second how things stand.
type reportTest struct {
	t      *testing.T
	report *selfReport
	now    time.Time
	sent   []sentMessage
	s      status.Document
}

func newReportTest(t *testing.T, every time.Duration) *reportTest {
	p := &reportTest{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	p.s = status.Document{Link: status.Link{State: status.LinkConnecting}, Devices: []status.Device{{Name: "gps", State: status.DeviceOK}, {Name: "panel", State: status.DeviceOK}, {Name: "tags", State: status.DeviceOK}}}
	p.restart(every, status.StartStopped)
	return p
}

func (p *reportTest) restart(every time.Duration, reason string) {
	cfg := &config.Config{Gateway: config.Gateway{ReportInterval: config.Duration(every)},
		Devices: []device.Config{{Name: "gps", ID: "GPS"}, {Name: "panel", ID: "PANEL"}, {Name: "tags"}}}
	p.report = newSelfReport(cfg, "XXXX00GATEWAY00001", "1.2.3", status.Started{Reason: reason}, func() int64 { return 90_500 }, p.receive)
}

// receive takes what is sent as a stamp would write it, and holds it against the
// catalogue.
func (p *reportTest) receive(m *thingsee.Message) bool {
	p.t.Helper()
	m.Tuid, m.Time = "XXXX00GATEWAY00001", p.now.UnixMilli()-m.Age
	r, err := thingseetest.Parse(m.Append(nil))
	m.Tuid, m.Time = "", 0
	if err != nil {
		p.t.Fatal(err)
	}
	for _, problem := range thingseetest.Check(r) {
		p.t.Errorf("%d: %s", r.ID, problem)
	}
	d, ok := thingsee.Lookup(r.ID)
	for _, f := range r.Fields {
		if _, known := d.Field([]byte(f.Name)); !ok || !known {
			p.t.Errorf("%d has a field %s that the catalogue lacks", r.ID, f.Name)
		}
	}
	p.sent = append(p.sent, sentMessage{p.now, r})
	return true
}

// pass lets time go by, a second at a time.
func (p *reportTest) pass(d time.Duration) {
	for range int(d / time.Second) {
		p.report.update(p.now, &p.s)
		p.now = p.now.Add(time.Second)
	}
}

func (p *reportTest) link(state string, d time.Duration) {
	p.s.Link.State = state
	p.pass(d)
}

// sentSince gives what was sent since the last time, as "1000/17".
func (p *reportTest) sentSince() string {
	var all []string
	for _, s := range p.sent {
		all = append(all, fmt.Sprintf("%d/%d", s.ID, s.Event))
	}
	p.sent = nil
	return strings.Join(all, " ")
}

func (p *reportTest) count(id int) (n int) {
	for _, s := range p.sent {
		n += b2i(s.ID == id)
	}
	return n
}

func (p *reportTest) want(what, words string) {
	p.t.Helper()
	if got := p.sentSince(); got != words {
		p.t.Errorf("%s: %s, want %s", what, got, words)
	}
}

func TestSelfReportOfADay(t *testing.T) {
	p := newReportTest(t, 5*time.Minute)
	p.pass(time.Second)
	if info := p.sent[0]; info.text("swVersion") != "portti-1.2.3" || info.text("modelCode") != "" {
		t.Errorf("%+v", info)
	}
	if up := p.sent[1]; up.number("uptime") != 90 {
		t.Errorf("%+v", up)
	}
	p.want("at the start", "1100/11 1112/11")
	p.pass(58 * time.Second)
	p.want("before the first slot has ended", "")
	p.link(status.LinkOnline, 5*time.Second)
	p.want("the link is up, and the first report", "1000/17 90310/10 11200/10")
	p.pass(5*time.Minute - 10*time.Second)
	p.want("nothing for a while", "")
	p.pass(20 * time.Second)
	p.want("the next report", "90310/10 11200/10")
	p.pass(24 * time.Hour)
	if n := p.count(90310); n < 287 || n > 288 {
		t.Errorf("%d reports a day", n)
	}
	if len(p.sent) != 2*p.count(90310) {
		t.Errorf("and else: %s", p.sentSince())
	}
	if last := p.report.lastMessage(); last == nil || last.ID != 1000 || last.Event != 12 {
		t.Errorf("the last word: %+v", last)
	}
}

func TestSelfReportIsMute(t *testing.T) {
	p := newReportTest(t, 0)
	p.link(status.LinkOnline, time.Hour)
	p.link(status.LinkWaiting, time.Hour)
	if len(p.sent) > 0 || p.report.lastMessage() != nil {
		t.Errorf("said %s, and at last %v", p.sentSince(), p.report.lastMessage())
	}
	p.report.setEvery(time.Minute)
	p.link(status.LinkOnline, time.Minute)
	if p.count(1100) != 1 || p.count(90310) == 0 {
		t.Errorf("allowed to speak it says %s", p.sentSince())
	}
}

// Row 150: a run that did not end in order is told at the next start.
func TestSelfReportAfterAPowerCut(t *testing.T) {
	p := newReportTest(t, time.Minute)
	for reason, want := range map[string]string{
		status.StartFirst: "1100/11 1112/11", status.StartStopped: "1100/11 1112/11", status.StartUpdate: "1100/11 1112/11", status.StartConfiguration: "1100/11 1112/11", "": "1100/11 1112/11",
		status.StartPowerCut: "1000/14 1100/11 1112/11", status.StartWatchdog: "1000/14 1100/11 1112/11", status.StartCrashed: "1000/14 1100/11 1112/11",
	} {
		p.restart(time.Minute, reason)
		p.pass(time.Second)
		p.want(reason, want)
	}
	p.s.Started.Reason = status.StartPowerCut
	p.link(status.LinkOnline, time.Minute)
	health := slices.IndexFunc(p.sent, func(m sentMessage) bool { return m.ID == thingsee.GatewayHealth })
	if health < 0 || p.sent[health].text("started") != "power-cut" {
		t.Errorf("%+v", p.sent)
	}
}

func TestSelfReportWhileAway(t *testing.T) {
	p := newReportTest(t, time.Minute)
	p.link(status.LinkOnline, 10*time.Minute)
	p.sentSince()
	p.link(status.LinkWaiting, 59*time.Second)
	p.link(status.LinkOnline, time.Second)
	if n := p.count(1000); n > 0 {
		t.Errorf("an outage of 59 s is told: %s", p.sentSince())
	}
	p.sentSince()
	start := p.now
	p.link(status.LinkWaiting, 62*time.Second)
	if p.count(1000) != 1 || p.sent[len(p.sent)-1].Event != 18 || p.sent[len(p.sent)-1].Time != start.UnixMilli() {
		t.Errorf("an outage of a minute: %+v", p.sent)
	}
	p.sentSince()
	p.link(status.LinkParked, 24*time.Hour)
	if n := p.count(90310); n != 24 || len(p.sent) != 48 {
		t.Errorf("a day without a link: %d reports of %d messages", n, len(p.sent))
	}
	p.sentSince()
	p.link(status.LinkOnline, time.Second)
	if got := p.sentSince(); !strings.HasPrefix(got, "1000/17 90310/10") {
		t.Errorf("back again: %s", got)
	}
}

// A link that flaps makes few messages, and they come in pairs.
func TestSelfReportOfAFlappingLink(t *testing.T) {
	p := newReportTest(t, 24*time.Hour)
	for range 24 * 3600 / 70 {
		p.link(status.LinkOnline, 5*time.Second)
		p.link(status.LinkWaiting, 65*time.Second)
	}
	p.link(status.LinkOnline, time.Second)
	pairs, event := 0, 18
	for _, s := range p.sent {
		if s.ID != 1000 {
			continue
		}
		if event = 35 - event; s.Event != event {
			t.Fatalf("%d where %d is due", s.Event, event)
		}
		pairs++
	}
	if pairs > 2*24*6+1 || pairs < 24*6 || event != 17 {
		t.Errorf("%d network events a day, the last is %d", pairs, event)
	}
}

func TestHeartbeatsFollowTheDevices(t *testing.T) {
	p := newReportTest(t, 5*time.Minute)
	p.s.Devices[1].State = status.DeviceSilent // and reads on, slowly
	p.link(status.LinkOnline, time.Second)
	for range 10 {
		p.s.Devices[1].Read++
		p.pass(time.Minute)
	}
	if n := p.count(11201); n > 0 {
		t.Errorf("a slow device is told as lost: %s", p.sentSince())
	}
	i := slices.IndexFunc(p.sent, func(s sentMessage) bool { return s.ID == 11200 })
	p.sent = p.sent[i:]
	first := p.sent[0]
	if first.number("slotInterval") != 60 || first.number("slotBitCount") != 1 || string(first.Fields[2].JSON) != `[{"tuid":"GPS","slotBits":1},{"tuid":"PANEL","slotBits":1}]` {
		t.Errorf("%+v", first)
	}
	p.sentSince()
	p.s.Devices[0].State = status.DeviceMissing
	p.pass(2 * time.Minute)
	if n := p.count(11201); n > 0 {
		t.Errorf("two slots: %s", p.sentSince())
	}
	p.pass(70 * time.Second)
	lost := p.sent[slices.IndexFunc(p.sent, func(s sentMessage) bool { return s.ID == 11201 && s.text("tuid") == "GPS" })]
	if lost.number("slotBitCount") != 3 || lost.number("slotBits") != 0 || lost.number("slotInterval") != 60 || lost.Event != 10 {
		t.Errorf("%+v", lost)
	}
	p.sentSince()
	p.pass(time.Hour)
	if n := p.count(11201); n > 0 {
		t.Errorf("it is told again: %s", p.sentSince())
	}
	p.sentSince()
	p.s.Devices[0].State = status.DeviceOK
	p.pass(time.Minute)
	back := p.sent[slices.IndexFunc(p.sent, func(s sentMessage) bool { return s.ID == 11201 })]
	if back.number("slotBitCount") != 1 || back.number("slotBits") != 1 || back.text("tuid") != "GPS" {
		t.Errorf("%+v", back)
	}
}

func TestHealthTellsTheStatus(t *testing.T) {
	s := soundBooks()
	s.Totals.Lost["io"] = 1
	s.Totals.Read++
	s.UptimeS, s.Link.RTTms, s.Buffer.HeadroomS, s.Link.Connects = 12.4, 83.6, 7200, 3
	s.Clock = status.Clock{Trusted: true, Source: "gnss"}
	s.Version, s.Gateway.Config, s.Gateway.Labels = "1.2", "a1b2c3d4e5f6", map[string]string{"site": "kuopio", "customer": "x"}
	for i, state := range []string{status.DeviceOK, status.DeviceMissing} {
		s.Devices[i].State = state
	}
	for _, state := range []string{status.DeviceBusy, status.DeviceSilent, status.DeviceSilent, status.DeviceGarbage} {
		s.Devices = append(s.Devices, status.Device{State: state})
	}
	s.Problems = []status.Problem{{Code: "DEV-GONE", Severity: status.Error}, {Code: "UP-X", Severity: status.Warning}, {Code: "I", Severity: status.Info}}
	p := newReportTest(t, time.Minute)
	var m thingsee.Message
	health(&m, 33, s)
	p.receive(&m)
	h := p.sent[0]
	for name, want := range map[string]float64{
		"waiting": 12, "lostAge": 7, "lostIo": 1, "lostFull": 0, "headroom": 7200, "rtt": 84, "devicesOk": 1, "devices": 6, "clockTrusted": 1, "uptime": 12,
		"read": 101, "acked": 80, "quarantined": 1, "connects": 3, "devicesMissing": 1, "devicesBusy": 1, "devicesSilent": 2, "devicesGarbage": 1, "problems": 2,
	} {
		if got := h.number(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if h.text("version") != "1.2" || h.text("config") != "a1b2c3d4e5f6" || h.text("labels") != "customer=x,site=kuopio" {
		t.Errorf("%+v", h)
	}
	if h.text("clockSource") != "gnss" || h.text("problem") != "DEV-GONE" {
		t.Errorf("%+v", h)
	}
	for _, reason := range status.LossReasons() {
		if h.number("lost"+strings.ToUpper(reason[:1])+reason[1:]) < 0 {
			t.Errorf("nothing is told of what was lost for %s", reason)
		}
	}
	health(&m, 10, &status.Document{Totals: status.Totals{Ledger: status.Ledger{Read: 1<<64 - 1}}})
	p.sent = nil
	if p.receive(&m); p.sent[0].number("headroom") != -1 || p.sent[0].number("rtt") != -1 || p.sent[0].number("read") < 9e18 {
		t.Errorf("%+v", p.sent[0])
	}
	systemInfo(&m, 33, "", "XXXX00EFS80560445")
	p.sent = nil
	if p.receive(&m); p.sent[0].text("swVersion") != "portti" || p.sent[0].text("modelCode") != "XXXX00" || p.sent[0].text("psn") != "EFS80560445" {
		t.Errorf("%+v", p.sent[0])
	}
}

// soundBooks is a document whose ledger adds up.
func soundBooks() *status.Document {
	return &status.Document{
		Totals: status.Totals{Ledger: status.Ledger{Read: 100, Acked: 80, Waiting: 12, Quarantined: 1, Lost: status.Losses{"age": 7}}},
		Buffer: status.Buffer{Waiting: 12, WaitingMemory: 5, WaitingDisk: 7},
		Devices: []status.Device{
			{Name: "a", Ledger: status.Ledger{Read: 60, Acked: 50, Waiting: 6, Lost: status.Losses{"age": 4}}},
			{Name: "b", Ledger: status.Ledger{Read: 30, Acked: 25, Waiting: 2, Quarantined: 1, Lost: status.Losses{"age": 2}}},
		},
	}
}
