package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/thingsee"
	"portti/device/thingsee/thingseetest"
)

const me = "XXXX00GATEWAY00001"

// fakeHands notes what it is told to do.
type fakeActions struct {
	done     []string
	every    time.Duration
	reloaded Reloaded
	err      error // of what can fail
}

func (h *fakeActions) did(format string, args ...any) {
	h.done = append(h.done, fmt.Sprintf(format, args...))
}

func (h *fakeActions) fill(m *thingsee.Message, id, event int) bool {
	switch id {
	case thingsee.GatewayHealth:
		health(m, event, &status.Document{})
	case thingsee.SystemInfo:
		systemInfo(m, event, "1", me)
	case thingsee.HeartbeatSummary:
		m.Reset(id, event)
		return m.Heartbeats(nil)
	default:
		return false
	}
	return true
}

func (h *fakeActions) summary() string { return "All is well." }
func (h *fakeActions) flush()          { h.did("flush") }
func (h *fakeActions) reconnect()      { h.did("reconnect") }
func (h *fakeActions) reload(context.Context) (Reloaded, error) {
	h.did("reload")
	return h.reloaded, h.err
}

func (h *fakeActions) setLevel(level slog.Level, d time.Duration) error {
	h.did("level %s %s", level, d)
	return h.err
}
func (h *fakeActions) restoreLevel()                         { h.did("restore") }
func (h *fakeActions) reportEvery() (every, _ time.Duration) { return h.every, h.every / 5 }
func (h *fakeActions) setReport(every time.Duration)         { h.every = every; h.did("every %s", every) }
func (h *fakeActions) reboot(_ context.Context, n int) error {
	h.did("reboot %d", n)
	return h.err
}

// fakeDevices has one device, LAMP, that takes messages, and one, DEAF, that does not.
type fakeDevices struct{ actions *fakeActions }

func (f fakeDevices) Has(tuid string) bool { return tuid == "LAMP" || tuid == "DEAF" }

func (f fakeDevices) Command(_ context.Context, c thingsee.Command) (*thingsee.Message, error) {
	if c.Target == "DEAF" {
		return nil, device.ErrNoCommands
	}
	f.actions.did("lamp %d", c.ID)
	m := &thingsee.Message{Tuid: c.Target}
	m.Reset(c.ID, 31)
	m.Int("profileId", 1)
	return m, nil
}

// downlinkTest is a downlink on fakes: what is asked, what is answered, what is logged.
type downlinkTest struct {
	t        *testing.T
	downlink *downlink
	actions  *fakeActions
	answers  []string
	log      strings.Builder
	now      time.Time
}

func newDownlinkTest(t *testing.T, accept ...string) *downlinkTest {
	d := &downlinkTest{t: t, actions: &fakeActions{every: 5 * time.Minute}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewTextHandler(&d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	d.downlink = newDownlink(accept, me, d.actions, fakeDevices{d.actions}, d.send, func() string { return "wss://server" }, log)
	return d
}

// send writes an answer without what is the same in all, and holds it against
// the catalogue.
func (d *downlinkTest) send(m *thingsee.Message) bool {
	d.t.Helper()
	tuid := m.Tuid
	if m.Tuid == "" {
		m.Tuid = me
	}
	m.Time = 1
	r, err := thingseetest.Parse(m.Append(nil))
	m.Tuid, m.Time = tuid, 0
	if err != nil {
		d.t.Fatal(err)
	}
	for _, p := range thingseetest.Check(r) {
		d.t.Errorf("answer %d: %s", r.ID, p)
	}
	text := fmt.Sprintf("%d/%d", r.ID, r.Event)
	if r.ID == thingsee.GatewayHealth {
		r.Fields = r.Fields[len(r.Fields)-1:]
	}
	for _, f := range r.Fields {
		text += fmt.Sprintf(" %s=%s", f.Name, f.JSON)
	}
	if tuid != "" {
		text = tuid + " " + text
	}
	d.answers = append(d.answers, text)
	return true
}

// ask is a message of the server; it gives the answers and what was done.
func (d *downlinkTest) ask(message string) (answers, done string) {
	d.t.Helper()
	d.answers, d.actions.done = nil, nil
	d.downlink.receive([]byte(message))
	select {
	case m := <-d.downlink.inbox:
		d.downlink.frame(d.t.Context(), m, d.now)
	default:
	}
	s := d.downlink.status()
	if sum := s.Executed + s.Refused + s.Repeated + s.Ignored; s.Received != sum || d.downlink.counts.received.Load() != sum {
		d.t.Errorf("counted %+v", s)
	}
	return strings.Join(d.answers, "; "), strings.Join(d.actions.done, "; ")
}

// to is a request to a thing.
func to(target string, id, event int, more string) string {
	return fmt.Sprintf(`{"tsmId":%d,"tsmEv":%d,"tsmTs":1492603998,"tsmDstTuid":%q%s}`, id, event, target, more)
}

func command(transaction int, name, more string) string {
	return to(me, 1402, 35, fmt.Sprintf(`,"transactionId":%d,"command":%q%s`, transaction, name, more))
}

// Threat U5: what may be asked, how it is answered, and what is done. Every row
// is a gateway of its own that accepts everything.
func TestRequests(t *testing.T) {
	deep := strings.Repeat("[", 17) + strings.Repeat("]", 17)
	for name, c := range map[string]struct {
		message       string
		answers, done string
		count         string // which counter it is for, "" = executed
	}{
		"status":                    {command(1, "status", ""), `90310/33 transactionId=1; 1402/36 transactionId=1 result=0 payload="All is well."`, "", ""},
		"status in an array":        {"[" + command(1, "status", "") + "]", `90310/33 transactionId=1; 1402/36 transactionId=1 result=0 payload="All is well."`, "", ""},
		"flush":                     {command(2147483647, "flush", ""), "1402/36 transactionId=2147483647 result=0", "flush", ""},
		"in Haltian's spelling":     {command(0, "FLUSH", `,"payload":""`), "1402/36 transactionId=0 result=0", "flush", ""},
		"reconnect":                 {command(3, "reconnect", ""), "1402/36 transactionId=3 result=0", "reconnect", ""},
		"reload":                    {command(4, "reload", ""), `1402/36 transactionId=4 result=0 payload="1 setting in force now, 2 after a restart"`, "reload", ""},
		"log level":                 {command(5, "log-level", `,"payload":"debug"`), `1402/36 transactionId=5 result=0 payload="debug for 10m"`, "level DEBUG 10m0s", ""},
		"log level for a time":      {command(5, "LOG_LEVEL", `,"payload":" warn  1h "`), `1402/36 transactionId=5 result=0 payload="warn for 1h"`, "level WARN 1h0m0s", ""},
		"report interval":           {command(6, "report-interval", `,"payload":"10m"`), `1402/36 transactionId=6 result=0 payload="10m"`, "every 10m0s", ""},
		"report interval, asked":    {command(6, "report-interval", ""), `1402/36 transactionId=6 result=0 payload="5m"`, "", ""},
		"reboot":                    {command(7, "REBOOT", ""), `1402/36 transactionId=7 result=0 payload="the machine starts again in a few seconds"`, "reboot 7", ""},
		"1500, set":                 {to(me, 1500, 30, `,"transactionId":8,"reportInterval":600`), "1500/31 transactionId=8 reportInterval=600", "every 10m0s", ""},
		"1500, read":                {to(me, 1500, 30, `,"transactionId":8`), "1500/31 transactionId=8 reportInterval=300", "", ""},
		"1500, read, nameless":      {to(me, 1500, 30, ""), "1500/31 reportInterval=300", "", ""},
		"11210, set":                {to(me, 11210, 30, `,"transactionId":9,"reportInterval":20`), "11210/31 transactionId=9 heartbeatInterval=8 reportInterval=20 instantMode=true", "every 20m0s", ""},
		"11210, read":               {to(me, 11210, 30, `,"transactionId":9`), "11210/31 transactionId=9 heartbeatInterval=2 reportInterval=5 instantMode=true", "", ""},
		"system info":               {to(me, 1000, 32, `,"transactionId":10`), `1100/33 swVersion="portti-1" transactionId=10`, "", ""},
		"system info by name":       {to(me, 1101, 32, `,"requestTsmId":1100`), `1100/33 swVersion="portti-1"`, "", ""},
		"information there is none": {to(me, 1101, 32, `,"requestTsmId":1210,"transactionId":11`), "1102/33 requestTsmId=1210 transactionId=11", "", ""},
		"heartbeats":                {to(me, 11211, 32, ""), "11200/33 heartbeats=[]", "", ""},
		"diagnostics":               {to(me, 1000, 27, `,"transactionId":12`), `1400/28 transactionId=12 diagGroup=3 diagType="status" diagData="All is well."`, "", ""},
		"to a device":               {to("LAMP", 18200, 30, `,"transactionId":13,"profileId":1`), "LAMP 18200/31 profileId=1 transactionId=13", "lamp 18200", ""},

		"unknown command":              {command(20, "rm -rf /", ""), "1402/36 transactionId=20 result=-2", "", "refused"},
		"a device is no command":       {command(20, "device", ""), "1402/36 transactionId=20 result=-2", "", "refused"},
		"a long command":               {command(20, strings.Repeat("x", 41), ""), `1402/36 transactionId=20 result=-1 payload="command: longer than 40 bytes"`, "", "refused"},
		"a command that is no text":    {to(me, 1402, 35, `,"transactionId":20,"command":5`), `1402/36 transactionId=20 result=-1 payload="command: no string"`, "", "refused"},
		"no command":                   {to(me, 1402, 35, `,"transactionId":20`), `1402/36 transactionId=20 result=-1 payload="command: missing"`, "", "refused"},
		"null for a command":           {to(me, 1402, 35, `,"transactionId":20,"command":null`), `1402/36 transactionId=20 result=-1 payload="command: no string"`, "", "refused"},
		"without transactionId":        {to(me, 1402, 35, `,"command":"flush"`), `1402/36 result=-1 payload="transactionId: missing"`, "", "refused"},
		"payload where none is due":    {command(21, "flush", `,"payload":"now"`), `1402/36 transactionId=21 result=-1 payload="it takes no payload"`, "", "refused"},
		"payload that is no text":      {command(21, "flush", `,"payload":{}`), `1402/36 transactionId=21 result=-1 payload="payload: no string"`, "", "refused"},
		"a level there is none":        {command(22, "log-level", `,"payload":"trace 5m"`), `1402/36 transactionId=22 result=-1 payload="payload: the level is debug, info, warn or error"`, "", "refused"},
		"no level":                     {command(22, "log-level", ""), `1402/36 transactionId=22 result=-1 payload="payload: want a level and a time, such as \"debug 10m\""`, "", "refused"},
		"a level for ever":             {command(22, "log-level", `,"payload":"debug 9999h"`), `1402/36 transactionId=22 result=-1 payload="payload: want a time from 10s to 1d, such as \"10m\""`, "", "refused"},
		"reports in a storm":           {command(23, "report-interval", `,"payload":"1s"`), `1402/36 transactionId=23 result=-1 payload="payload: want a time from 1m to 1d, such as \"10m\""`, "", "refused"},
		"1500 out of range":            {to(me, 1500, 30, `,"transactionId":24,"reportInterval":1`), "1500/31 transactionId=24 reportInterval=300", "", "refused"},
		"1500 beyond numbers":          {to(me, 1500, 30, `,"transactionId":24,"reportInterval":1e308`), "1500/31 transactionId=24 reportInterval=300", "", "refused"},
		"1500 without transactionId":   {to(me, 1500, 30, `,"reportInterval":600`), "1500/31 reportInterval=300", "", "refused"},
		"1500, something else":         {to(me, 1500, 30, `,"transactionId":24,"measurementInterval":5`), "1500/31 transactionId=24 reportInterval=300", "", "refused"},
		"1500 as text":                 {to(me, 1500, 30, `,"transactionId":24,"reportInterval":"600"`), "", "", "refused"},
		"11210 switched off":           {to(me, 11210, 30, `,"transactionId":25,"reportInterval":0`), "11210/31 transactionId=25 heartbeatInterval=2 reportInterval=5 instantMode=true", "", "refused"},
		"information of nothing":       {to(me, 1101, 32, ""), "", "", "refused"},
		"diagnostics in a row":         {to(me, 1401, 27, `,"transactionId":26,"diagGroup":3`), `1403/29 transactionId=26 errorType="unsupported" errorCause="ask with tsmId 1000, tsmEv 27; health comes by itself"`, "", "refused"},
		"to a device that takes none":  {to("DEAF", 18200, 30, `,"transactionId":27`), "", "", "refused"},
		"a device's field out of type": {to("LAMP", 18200, 30, `,"transactionId":27,"profileId":"x"`), "", "", "refused"},

		"to another gateway":  {to("XXXX00ANOTHER00001", 1402, 35, `,"transactionId":30,"command":"flush"`), "", "", "ignored"},
		"to nobody":           {`{"tsmId":1402,"tsmEv":35,"tsmTuid":"` + me + `","transactionId":30,"command":"flush"}`, "", "", "ignored"},
		"to an empty tuid":    {to("", 1402, 35, `,"transactionId":30,"command":"flush"`), "", "", "ignored"},
		"our own echo":        {to(me, 1402, 36, `,"transactionId":30,"result":0`), "", "", "ignored"},
		"a reading":           {to(me, 12100, 10, `,"temp":5`), "", "", "ignored"},
		"a reset":             {to(me, 1404, 23, ""), "", "", "ignored"},
		"new firmware":        {to(me, 1300, 25, `,"transactionId":30`), "", "", "ignored"},
		"a ping of Wirepas":   {to(me, 1600, 35, `,"transactionId":30`), "", "", "ignored"},
		"raw radio":           {to(me, 11310, 35, `,"transactionId":30`), "", "", "ignored"},
		"a sensor's settings": {to(me, 12200, 30, `,"transactionId":30`), "", "", "ignored"},
		"chatter":             {"hello", "", "", "ignored"},
		"JSON of another":     {`{"type":"welcome"}`, "", "", "ignored"},
		"no JSON":             {`{"tsmDstTuid":`, "", "", "ignored"},
		"a key twice":         {to(me, 1402, 35, `,"transactionId":30,"command":"status","command":"reboot"`), "", "", "ignored"},
		"too deep":            {to(me, 1402, 35, `,"transactionId":30,"command":"flush","x":`+deep), "", "", "ignored"},
		"too large":           {command(30, "flush", `,"x":"`+strings.Repeat("y", thingsee.MaxDownlink)+`"`), "", "", "ignored"},
		"broken UTF-8":        {command(30, "flush", ",\"x\":\"\xff\""), "", "", "ignored"},
		"transactionId wide":  {to(me, 1402, 35, `,"transactionId":2147483648,"command":"flush"`), "", "", "ignored"},
		"transactionId as 1.": {to(me, 1402, 35, `,"transactionId":1.5,"command":"flush"`), "", "", "ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDownlinkTest(t, config.CommandNames()...)
			d.actions.reloaded = Reloaded{Applied: []string{"a"}, Restart: []string{"b", "c"}}
			answers, done := d.ask(c.message)
			if answers != c.answers || done != c.done {
				t.Errorf("answered %s\n    want %s\ndone %q, want %q", answers, c.answers, done, c.done)
			}
			s := d.downlink.status()
			if got := map[string]uint64{"": s.Executed, "refused": s.Refused, "ignored": s.Ignored}[c.count]; got != 1 {
				t.Errorf("counted %+v, want it to be %s", s, c.count)
			}
			event := map[string]string{"": "command.executed", "refused": "command.refused"}[c.count]
			if n := strings.Count(d.log.String(), "event=command."); event != "" && (n != 1 || !strings.Contains(d.log.String(), event)) || n > 1 {
				t.Errorf("the log has %d lines, want %s:\n%s", n, event, d.log.String())
			}
			if event != "" && !strings.Contains(d.log.String(), "remote=wss://server") {
				t.Errorf("the log does not say who: %s", d.log.String())
			}
		})
	}
}

// Only what the configuration names is done; by default that is nothing.
func TestRequestsNotAllowed(t *testing.T) {
	requests := map[string]string{
		config.CmdStatus: command(1, "status", ""), config.CmdFlush: command(2, "flush", ""), config.CmdReconnect: command(3, "reconnect", ""),
		config.CmdLogLevel: command(4, "log-level", `,"payload":"debug"`), config.CmdReload: command(5, "reload", ""),
		config.CmdReportInterval: command(6, "report-interval", `,"payload":"10m"`), config.CmdReboot: command(7, "reboot", ""),
		config.CmdDevice: to("LAMP", 18200, 30, `,"transactionId":8`),
	}
	if len(requests) != len(config.CommandNames()) {
		t.Fatal("a command is not tried")
	}
	for allowed := range requests {
		d := newDownlinkTest(t, allowed)
		d.downlink.taken.limits = nil
		for name, message := range requests {
			answers, done := d.ask(message)
			switch {
			case name == allowed:
				if strings.Contains(answers, "result=-") || name != config.CmdStatus && done == "" {
					t.Errorf("%s is named: answered %q, done %q", name, answers, done)
				}
			case name == config.CmdDevice && answers == "" && done == "":
			case !strings.Contains(answers, `result=-2 payload="not allowed on this gateway"`) || done != "":
				t.Errorf("%s is not named: answered %q, done %q", name, answers, done)
			}
		}
		for _, message := range []string{to(me, 1500, 30, `,"reportInterval":600,"transactionId":31`), to(me, 1000, 27, ""), to(me, 1101, 32, `,"requestTsmId":1100`)} {
			answers, done := d.ask(message)
			if own := strings.Contains(message, "1500") == (allowed == config.CmdReportInterval) && (allowed == config.CmdReportInterval || allowed == config.CmdStatus); !own && (answers != "" || done != "") {
				t.Errorf("with %s: %s was answered %q, done %q", allowed, message, answers, done)
			}
		}
	}
}

func TestFailuresAreAnswered(t *testing.T) {
	d := newDownlinkTest(t, config.CommandNames()...)
	d.actions.err = errors.New("it cannot be")
	for i, c := range []string{command(1, "reload", ""), command(2, "log-level", `,"payload":"debug"`), command(3, "reboot", "")} {
		if answers, _ := d.ask(c); answers != fmt.Sprintf(`1402/36 transactionId=%d result=-1 payload="it cannot be"`, i+1) {
			t.Error(answers)
		}
	}
	d.actions.err = nil
	d.actions.reloaded = Reloaded{Error: "portti.toml:3:1: the secret is hunter2"}
	answers, _ := d.ask(command(4, "reload", ""))
	if !strings.Contains(answers, "result=-1") || strings.Contains(answers+d.log.String(), "hunter2") {
		t.Errorf("%s\n%s", answers, d.log.String())
	}
}

// A request that comes again is answered again and not carried out again.
func TestRepeats(t *testing.T) {
	d := newDownlinkTest(t, config.CommandNames()...)
	first, _ := d.ask(command(7, "reboot", ""))
	d.now = d.now.Add(9 * time.Minute)
	again, done := d.ask(strings.Replace(command(7, "reboot", ""), "1492603998", "1492604000", 1))
	if again != first || done != "" {
		t.Errorf("answered %q, then %q, done %q", first, again, done)
	}
	other, done := d.ask(command(7, "flush", ""))
	if !strings.Contains(other, "transactionId=7 result=-1") || done != "" {
		t.Errorf("another under its number: %q, done %q", other, done)
	}
	if answers, done := d.ask(to("LAMP", 18200, 30, `,"transactionId":7`)); answers == "" || done != "lamp 18200" {
		t.Errorf("another thing has numbers of its own: %q, %q", answers, done)
	}
	if s := d.downlink.status(); s.Executed != 2 || s.Repeated != 1 || s.Refused != 1 {
		t.Errorf("%+v", s)
	}
	d.now = d.now.Add(61 * time.Second)
	if _, done := d.ask(command(7, "reboot", "")); done != "reboot 7" {
		t.Errorf("after ten minutes: %q", done)
	}
	if !strings.Contains(d.log.String(), "event=command.repeated") {
		t.Error(d.log.String())
	}

	d = newDownlinkTest(t, config.CommandNames()...)
	d.downlink.taken.limits, d.downlink.frames.limits = nil, nil
	for i := range replayMost + 1 {
		d.ask(command(i, "flush", ""))
	}
	if _, done := d.ask(command(1, "flush", "")); done != "" {
		t.Error("one of the last 64 was done again")
	}
	if _, done := d.ask(command(0, "flush", "")); done != "flush" {
		t.Error("one before the last 64 was known")
	}
}

func TestRequestsTooFast(t *testing.T) {
	d := newDownlinkTest(t, config.CommandNames()...)
	taken := 0
	for i := range 2 * 3600 / 5 {
		answers, done := d.ask(command(i, "flush", ""))
		if (answers == "") != (done == "") {
			t.Fatalf("answered %q, done %q", answers, done)
		}
		taken += b2i(done != "")
		if i == 60/5-1 && taken != perMinute {
			t.Errorf("%d in the first minute", taken)
		}
		d.now = d.now.Add(5 * time.Second)
	}
	if taken < 2*perHour || taken > 2*perHour+perMinute {
		t.Errorf("%d were taken in two hours", taken)
	}
	n := strings.Count(d.log.String(), "command.limited")
	if n < 8 || n > 2*6 {
		t.Errorf("%d lines of the log", n)
	}
	if spared := d.downlink.counts.limitedUnlogged.Load(); spared != uint64(2*3600/5-taken-n) {
		t.Errorf("%d lines spared, with %d written of %d refusals", spared, n, 2*3600/5-taken)
	}
	// Nonsense costs nothing and hides nothing for longer than a minute.
	d = newDownlinkTest(t, config.CommandNames()...)
	for range 1000 {
		d.ask(`{"tsmDstTuid":`)
	}
	if _, done := d.ask(command(1, "flush", "")); done != "" {
		t.Error("message 1001 of a minute was looked into")
	}
	d.now = d.now.Add(time.Minute)
	if _, done := d.ask(command(2, "flush", "")); done != "flush" {
		t.Error("after a minute nothing is heard yet")
	}
	if spared := d.downlink.counts.ignoredUnlogged.Load(); spared != 1000+1-2 {
		t.Errorf("%d lines spared", spared)
	}
	if n := strings.Count(d.log.String(), "command.ignored"); n != 2 {
		t.Errorf("%d lines of the log", n)
	}
}

// A server that talks faster than anything is done holds up nobody.
func TestReceiveNeverWaits(t *testing.T) {
	d := newDownlinkTest(t, config.CmdFlush)
	message := []byte(command(1, "flush", ""))
	for range 10 * downlinkWaiting {
		d.downlink.receive(message)
	}
	message[len(message)-2] = 'X' // it was good during the call only
	s := d.downlink.status()
	if s.Ignored != 9*downlinkWaiting {
		t.Errorf("%+v", s)
	}
	d.downlink.frame(t.Context(), <-d.downlink.inbox, d.now)
	if got := strings.Join(d.actions.done, ";"); got != "flush" {
		t.Errorf("done %q", got)
	}
}

func TestMixedArray(t *testing.T) {
	d := newDownlinkTest(t, config.CmdFlush)
	_, done := d.ask("[" + command(1, "flush", "") + "," + to("ELSE", 1402, 35, "") + ",5," + command(2, "reboot", "") + "," + command(1, "flush", "") + "]")
	s := d.downlink.status()
	if done != "flush" || s != (status.Downlink{Received: 5, Executed: 1, Refused: 1, Repeated: 1, Ignored: 2}) {
		t.Errorf("done %q, counted %+v", done, s)
	}
}
