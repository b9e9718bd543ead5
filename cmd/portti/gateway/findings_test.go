package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
)

// healthy is a gateway with nothing to complain of.
func healthy() *snapshot {
	return &snapshot{
		cfg:    config.Defaults(),
		at:     time.Unix(1_796_000_000, 0),
		wall:   time.Unix(1_796_000_000, 0),
		clock:  clock.Now{Trusted: true, Mono: 1 << 40},
		source: clock.SourceKernel, fixed: true,
		stats:   buffer.Stats{Limit: 1000, Bytes: 10},
		devices: []device.Status{{Name: "gps", State: device.Fine}},
		link:    uplink.Status{State: uplink.Online, Server: "wss://ingest.example.net"},
	}
}

func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*snapshot)
		want   string // code/subject of each
	}{
		"nothing":                    {func(*snapshot) {}, ""},
		"no device":                  {func(s *snapshot) { s.devices = nil }, "CFG-NO-DEVICE/"},
		"no server":                  {func(s *snapshot) { s.link = uplink.Status{State: uplink.Stopped, Problem: uplink.ProblemNoServer} }, "CFG-NO-SERVER/"},
		"a buffer too small":         {func(s *snapshot) { s.cfg.Buffer.MaxSize = 1_000_000 }, "CFG-UNFIT/buffer.max_size"},
		"a folder without a socket":  {func(s *snapshot) { s.noControl = "read-only file system" }, "SYS-SOCKET/"},
		"a port that is taken":       {func(s *snapshot) { s.noMetrics = "address already in use" }, "SYS-METRICS/"},
		"a mistake on disk":          {func(s *snapshot) { s.rejected = &rejection{code: "CFG-INVALID"} }, "CFG-INVALID/"},
		"no proof asked for":         {func(s *snapshot) { s.cfg.Uplink.Ack = uplink.AckNone }, "CFG-UNPROVEN/"},
		"link and quarantine":        {func(s *snapshot) { s.link.Problem, s.link.Quarantined = "NET-DNS", 2 }, "NET-DNS/ UP-QUARANTINE/"},
		"an identity used twice":     {func(s *snapshot) { s.link.Takeover = true }, "UP-TAKEOVER/"},
		"a card from elsewhere":      {func(s *snapshot) { s.otherBoard = true }, "GW-OTHER-BOARD/"},
		"a server set back":          {func(s *snapshot) { s.link.Setbacks = 2 }, "UP-SETBACK/"},
		"a clock never set":          {func(s *snapshot) { s.clock.Trusted, s.fixed = false, false }, "CLK-UNSET/"},
		"a clock kept from before":   {func(s *snapshot) { s.clock.Trusted = false }, ""},
		"a clock guessed":            {func(s *snapshot) { s.clock.Trusted, s.offset.Err = false, 5 }, "CLK-GUESSED/"},
		"TLS wants the time":         {func(s *snapshot) { s.clock.Trusted, s.link.Problem = false, "CLK-UNSET" }, "CLK-UNSET/"},
		"a step just now":            {func(s *snapshot) { s.step = clock.Step{Count: 1, By: -5000, Mono: s.clock.Mono} }, "CLK-STEP/"},
		"a step long ago":            {func(s *snapshot) { s.step = clock.Step{Count: 1, By: 5000, Mono: s.clock.Mono - stepShown} }, ""},
		"token of another kind":      {func(s *snapshot) { s.token = &uplink.TokenState{Problem: "UP-TOKEN-SERVER"} }, "UP-TOKEN-SERVER/token"},
		"a port that is gone":        {func(s *snapshot) { s.devices = []device.Status{{Name: "gps", Code: "DEV-GONE"}} }, "DEV-GONE/gps"},
		"what a driver flags":        {func(s *snapshot) { s.devices = []device.Status{{Name: "gps", Flags: []string{"GPS-JUMP"}}} }, "GPS-JUMP/gps"},
		"a part that does not move":  {func(s *snapshot) { s.stuck = "buffer" }, "SYS-WATCHDOG/"},
		"a disk that fails":          {func(s *snapshot) { s.stats.Code, s.stats.Rollbacks, s.stats.Slow = "BUF-IO", 1, 9000 }, "BUF-IO/ BUF-ROLLBACK/ BUF-SLOW/"},
		"files that wait":            {func(s *snapshot) { s.stats.Unread, s.stats.UnreadBy = []string{"q-1", "q-2"}, "input/output error" }, "BUF-UNREAD/"},
		"a file set aside":           {func(s *snapshot) { s.stats.LastAside = "q-1.damaged" }, "BUF-CORRUPT/"},
		"one set aside before this":  {func(s *snapshot) { s.stats.Damaged = []string{"q-1.damaged"} }, ""},
		"a file set aside, code too": {func(s *snapshot) { s.stats.LastAside, s.stats.Code = "q-1.damaged", "BUF-CORRUPT" }, "BUF-CORRUPT/"},
		"four fifths full":           {func(s *snapshot) { s.stats.Bytes = 800 }, "BUF-FILLING/"},
		"full soon":                  {func(s *snapshot) { s.headroomLow = true }, "BUF-FILLING/"},
		"readings shed":              {func(s *snapshot) { s.lastLoss, s.stats.Bytes = &loss{Loss: buffer.Loss{Reason: "full"}}, 600 }, "BUF-LOST/ BUF-FULL/"},
		"buffer of another version":  {func(s *snapshot) { s.left = leftover{"/state/buffer", 2} }, "BUF-OLD/"},
		"a buffer taken away":        {func(s *snapshot) { s.gone = true }, "BUF-GONE/"},
		"readings too old":           {func(s *snapshot) { s.lastLoss = &loss{Loss: buffer.Loss{Reason: "age"}} }, "BUF-LOST/"},
		"little disk":                {func(s *snapshot) { s.stats.DiskLow = true }, "BUF-DISK-LOW/"},
	} {
		s := healthy()
		c.change(s)
		var got []string
		for _, f := range findings(s) {
			got = append(got, f.Code+"/"+f.Subject)
			if len(f.Args)%2 != 0 {
				t.Errorf("%s: %s: a name without a value in %q", name, f.Code, f.Args)
			}
		}
		slices.Sort(got)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A problem that goes on is one problem, whatever else comes and goes next to
// the link's own.
func TestProblemKeepsItsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := status.NewProblems(), healthy()
		s.link.Quarantined = 1
		for i := range 60 {
			s.link.Problem = []string{"", "NET-DNS", "UP-CLOSED"}[i%3]
			s.link.Quarantined++
			p.Sync(findings(s))
			time.Sleep(time.Second)
		}
		for _, a := range p.Active() {
			if a.Code == "UP-QUARANTINE" {
				if a.SinceS != 60 || !strings.Contains(a.Sentence, fmt.Sprint(s.link.Quarantined)) {
					t.Errorf("%+v", a)
				}
				return
			}
		}
		t.Error("not shown")
	})
}

// The status document may import neither the link nor the devices, so that its
// names for their states stand apart from theirs.
func TestStatesAgree(t *testing.T) {
	for state, shown := range map[uplink.State]string{
		uplink.Connecting: status.LinkConnecting, uplink.Online: status.LinkOnline, uplink.Waiting: status.LinkWaiting,
		uplink.Parked: status.LinkParked, uplink.Stopped: status.LinkStopped,
	} {
		if string(state) != shown {
			t.Errorf("the link says %s, the status document %s", state, shown)
		}
	}
	for state, shown := range map[device.State]string{
		device.Missing: status.DeviceMissing, device.Busy: status.DeviceBusy, device.Silent: status.DeviceSilent,
		device.Garbage: status.DeviceGarbage, device.Fine: status.DeviceOK,
	} {
		if string(state) != shown {
			t.Errorf("the devices say %s, the status document %s", state, shown)
		}
	}
}

// The reasons of the rooms are those of the document, and it has no other.
func TestLossReasonsAgree(t *testing.T) {
	rooms := []string{buffer.LostFull, buffer.LostAge, device.LostRate, device.LostMemory, device.LostIO, buffer.LostCorrupt, buffer.LostRollback, buffer.LostShrink}
	if !slices.Equal(rooms, status.LossReasons()) || buffer.LostIO != device.LostIO {
		t.Errorf("the rooms have %v, the document %v", rooms, status.LossReasons())
	}
}

// Every reason for a loss has its words, also on a gateway that thins.
func TestLossReasonsHaveWords(t *testing.T) {
	for _, reason := range status.LossReasons() {
		for _, policy := range []buffer.WhenFull{buffer.Thin, buffer.DropNewest} {
			if words := lossInWords(reason, policy); words == reason {
				t.Errorf("no words for %s", reason)
			}
		}
	}
}

// What a device sends instead is named with what to do about it.
func TestWhatADeviceSendsIsNamed(t *testing.T) {
	p := status.NewProblems(kindProblems(device.Kinds())...)
	s := healthy()
	s.devices = []device.Status{
		{Name: "a", Port: "/dev/a", Code: device.CodeWrongBaud, Baud: 9600, Found: "a lower", Remedy: "Try baud = 4800 in this [[device]]"},
		{Name: "b", Port: "tcp://b:1", Code: device.CodeWrongBaud, Found: "a higher", Remedy: "Set the speed that the device's manual says"},
		{Name: "c", Port: "/dev/c", Code: device.CodeUnknown, Baud: 9600, Found: "binary u-blox (UBX)", Remedy: "Switch the receiver to NMEA"},
		{Name: "d", Port: "/dev/d", Flags: []string{"LINES-TEXT"}, Detail: "field door is text and cannot be sent"},
	}
	synctest.Test(t, func(t *testing.T) {
		p.Sync(findings(s))
		time.Sleep(time.Minute)
		p.Sync(findings(s))
		var got []string
		for _, a := range p.Active() {
			got = append(got, a.Sentence+" "+a.Action)
		}
		for i, want := range []string{
			"c: what arrives on /dev/c is binary u-blox (UBX), not what this type of device reads. Switch the receiver to NMEA",
			"a: what arrives on /dev/a was sent at a lower speed than 9600 baud. Try baud = 4800 in this [[device]]",
			"b: what arrives on tcp://b:1 was sent at a higher speed than the device server's baud. Set the speed that the device's manual says",
			"d sends lines in which nothing can be forwarded: field door is text and cannot be sent. Let the device send a number, such as 1 and 0 for on and off",
		} {
			if i >= len(got) || got[i] != want {
				t.Fatalf("%d: got %q, want %q", i, got, want)
			}
		}
	})
}
