package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device"
	"portti/device/clock/clocktest"
	"portti/uplink"
	"portti/uplink/uplinktest"
)

// timeSite is a whole gateway on a machine whose clocks are moved by hand: one
// sensor line, one receiver, one server. The bubble's time is the true time; the
// wall clock of the machine shows what the story wants.
type timeSite struct {
	t       *testing.T
	dir     string
	more    string // further lines of configuration
	disk    *simDisk
	built   time.Time
	boots   byte
	machine *clocktest.Machine
	log     strings.Builder

	net    *uplinktest.Listener
	server *testbed.Receiver

	mu      sync.Mutex
	lines   map[string]*simLine
	arrived []arrival // of the sensor's readings
	fixes   int
	placed  []position

	fed     []time.Time // the true time of reading i+1
	gateway *Gateway
	stop    context.CancelFunc
	ended   chan error
}

// position is one of a receiver as the server got it, and when.
type position struct {
	tuid    string
	ms, err int64
	at      time.Time
}

// arrival is one reading as the server got it.
type arrival struct {
	n    int
	ms   int64 // tsmTs
	err  int64 // tsErr
	text string
}

const timeConfig = `config_version = 1
[gateway]
id = "XXXX00TIME0000001"
report_interval = "0s"
[paths]
state = %q
run = "/nonexistent"
[uplink]
url = "%s://127.0.0.1:1/"
auth = "none"
ca_file = %q
fence_hold = "30s"
%s
[[device]]
name = "sensor"
type = "lines"
port = "/sim/sensor"
id = "S"
expect_every = "24h"
[[device]]
name = "gps"
type = "gps"
port = "/sim/gps"
id = "G"
detail = "off"
expect_every = "24h"
`

// onTimeSite runs test on a site in a bubble. The server tells its time, which is the
// true one, unless o sets another.
func onTimeSite(t *testing.T, o testbed.Options, test func(s *timeSite)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &timeSite{t: t, dir: dir, built: time.Now().AddDate(0, -1, 0), net: uplinktest.Listen()}
		o.Listener, o.OnMessage, o.Ack = s.net, s.take, "fence"
		var err error
		if s.server, err = testbed.NewReceiver(o); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- s.server.Run(ctx) }()
		defer func() {
			if s.stop != nil {
				s.stop()
				<-s.ended
			}
			cancel()
			<-served
			if t.Failed() {
				t.Log(s.log.String())
			}
		}()
		test(s)
	})
}

func trueDate() time.Time { return time.Now() }

// take notes what arrives, each reading once: the server's own count says
// whether one came again with other bytes.
func (s *timeSite) take(msg []byte, repeat bool) {
	var m struct {
		ID  int     `json:"tsmId"`
		Who string  `json:"tsmTuid"`
		TS  float64 `json:"tsmTs"`
		Err int64   `json:"tsErr"`
		N   int     `json:"n"`
	}
	err := json.Unmarshal(msg, &m)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil || m.TS == 0:
		s.t.Errorf("arrived: %s, %v", msg, err)
	case m.ID == 1210:
		s.fixes++
		s.placed = append(s.placed, position{m.Who, int64(math.Round(m.TS * 1000)), m.Err, time.Now()})
	case !repeat:
		s.arrived = append(s.arrived, arrival{m.N, int64(math.Round(m.TS * 1000)), m.Err, string(msg)})
	}
}

func (s *timeSite) open(_ context.Context, c device.Config) (device.Opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return device.Opened{Line: s.lines[c.Name], Path: c.Port}, nil
}

// boot switches the machine on with this on its wall clock, and starts the
// gateway.
func (s *timeSite) boot(wall time.Time) {
	s.t.Helper()
	s.boots++
	s.machine = clocktest.NewMachine(s.boots, wall.UnixMilli())
	s.start()
}

func (s *timeSite) start() {
	s.t.Helper()
	s.mu.Lock()
	s.lines = map[string]*simLine{"sensor": newSimLine(), "gps": newSimLine(), "gps2": newSimLine()}
	s.mu.Unlock()
	scheme, ca := "ws", ""
	if c := s.server.Certificate(); c != nil {
		scheme, ca = "wss", filepath.Join(s.dir, "ca.pem")
		if err := os.WriteFile(ca, c.PEM, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	path := filepath.Join(s.dir, "portti.toml")
	text := fmt.Sprintf(timeConfig, filepath.Join(s.dir, "state"), scheme, ca, s.more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg, err := config.Load(path, config.LoadOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.disk = &simDisk{FS: buffer.OS(cfg.Paths.BufferDir())}
	s.gateway, err = New(cfg, Options{
		Version: "time", FS: s.disk, Built: s.built, Clock: s.machine.Clock(s.built), Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Device: device.Tuning{Open: s.open},
		Dial:   uplink.Options{Dial: s.net.Dial, Rand: func() float64 { return 0.5 }},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- s.gateway.work(ctx) }()
	synctest.Wait()
}

func (s *timeSite) halt() status.Document {
	s.t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Fatalf("the gateway ended with %v", err)
	}
	s.stop = nil
	st := s.gateway.Status()
	if err := st.CheckLedger(); err != nil {
		s.t.Error(err)
	}
	return st
}

// feed reads n readings, one a second.
func (s *timeSite) feed(n int) {
	s.t.Helper()
	for range n {
		s.fed = append(s.fed, time.Now())
		line := s.lines["sensor"]
		line.change(func() { line.buf = fmt.Appendf(line.buf, "{\"n\":%d}\n", len(s.fed)) })
		synctest.Wait()
		time.Sleep(time.Second)
	}
}

// fix has the receiver say n fixes, one a second, of this time.
func (s *timeSite) fix(n int, at func() time.Time) {
	s.t.Helper()
	for range n {
		s.say("gps", at())
		time.Sleep(time.Second)
	}
}

// say has a receiver say one fix.
func (s *timeSite) say(receiver string, at time.Time) {
	s.t.Helper()
	now := at.UTC()
	body := "GPRMC," + now.Format("150405.00") + ",A,6500.74400,N,02528.08600,E,10.0,57.30," + now.Format("020106") + ",,,A"
	var sum byte
	for i := range len(body) {
		sum ^= body[i]
	}
	line := s.lines[receiver]
	line.change(func() { line.buf = fmt.Appendf(line.buf, "$%s*%02X\r\n", body, sum) })
	synctest.Wait()
}

// checkedStatus is the status, with its books checked.
func (s *timeSite) checkedStatus() status.Document {
	s.t.Helper()
	synctest.Wait()
	st := s.gateway.Status()
	if err := st.CheckLedger(); err != nil {
		s.t.Error(err)
	}
	return st
}

// codes are the problems shown.
func (s *timeSite) codes() string {
	var all []string
	for _, p := range s.checkedStatus().Problems {
		all = append(all, p.Code)
	}
	return strings.Join(all, " ")
}

// got is what arrived so far, in its order.
func (s *timeSite) got() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.arrived...)
}

// right checks that readings first to last arrived, once and in their order,
// and each with a time that is off by no more than it says, or by no more than
// worst, which then also bounds what it says. 0 is no bound.
func (s *timeSite) right(first, last int, worst time.Duration) {
	s.t.Helper()
	next := first
	for _, a := range s.got() {
		if a.n < first || a.n > last {
			continue
		}
		if a.n != next {
			s.t.Errorf("reading %d came where %d was due", a.n, next)
		}
		next = a.n + 1
		off := time.Duration(math.Abs(float64(a.ms-s.fed[a.n-1].UnixMilli()))) * time.Millisecond
		if off > max(worst, time.Duration(a.err)*time.Second) {
			s.t.Errorf("reading %d is off by %v and says %d s: %s", a.n, off, a.err, a.text)
		}
		if worst > 0 && worst < time.Hour && time.Duration(a.err)*time.Second > worst {
			s.t.Errorf("reading %d says that it may be off by %d s, want at most %v: %s", a.n, a.err, worst, a.text)
		}
	}
	if next != last+1 {
		s.t.Errorf("readings from %d on are missing, of %d to %d", next, first, last)
	}
}

// unchanged checks that nothing came again with other bytes or another time.
func (s *timeSite) unchanged() {
	s.t.Helper()
	s.mu.Lock()
	seen := map[int]string{}
	for _, a := range s.arrived {
		if was, twice := seen[a.n]; twice {
			s.t.Errorf("reading %d came as %s and as %s", a.n, was, a.text)
		}
		seen[a.n] = a.text
	}
	s.mu.Unlock()
	if got := s.server.Stats(); got.Changed != 0 || got.Bad != 0 {
		s.t.Errorf("the server has %s", got.Summary())
	}
}
