package testbed

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/device"
	deviceclock "portti/device/clock"
	"portti/device/ubx"
)

// setUp runs a setup and a receiver for a while in made-up time.
func setUp(t *testing.T, u *Ublox, s *ubx.Setup, from time.Time, length time.Duration) (sent int) {
	t.Helper()
	var in []byte
	for now := from; now.Before(from.Add(length)); {
		var out []byte
		ms := now.Sub(noon()).Milliseconds()
		at := now
		out, now = u.Append(nil, now)
		if sent += len(out); len(out) > 0 {
			s.Came(ms)
		}
		for in = append(in, out...); ; {
			before, f, _ := ubx.Next(in, false)
			in = in[before:]
			if f.Form == ubx.None {
				break
			}
			s.Hear(f, ms)
			in = in[f.Size:]
		}
		if b := s.Next(ms); b != nil {
			u.Hear(b, at)
		}
	}
	return sent
}

// TestUbloxIsSetUp: a receiver of either generation is set up, and again after it has
// started anew; what was saved it still has then.
func TestUbloxIsSetUp(t *testing.T) {
	for _, old := range []bool{false, true} {
		for _, save := range []bool{false, true} {
			u, err := NewUblox(UbloxOptions{Baud: 38400, Old: old, Flash: true, Reboot: time.Minute, Warmup: -1})
			if err != nil {
				t.Fatal(err)
			}
			s := ubx.NewSetup(ubx.Plan{Interval: 200, Systems: []string{"gps", "galileo"}, Messages: []string{"NAV-PVT", "-GSV"}, Save: save})
			check := func(when string, want bool) {
				t.Helper()
				interval, pvt, galileo := u.Set(ubx.NavPVT, 2)
				_, gsv, glonass := u.Set(idGSV, 6)
				if got := interval == 200*time.Millisecond && pvt == 1 && gsv == 0 && galileo && !glonass; got != want {
					t.Errorf("old %v, save %v, %s: every %v, NAV-PVT %d, GSV %d, Galileo %v, GLONASS %v", old, save, when, interval, pvt, gsv, galileo, glonass)
				}
			}
			setUp(t, u, s, noon(), 30*time.Second)
			if p, refused := s.Progress(); p != ubx.Done {
				t.Errorf("old %v, save %v: progress %d, refused %v", old, save, p, refused)
			}
			check("set up", true)
			setUp(t, u, s, noon().Add(30*time.Second), 30*time.Second+100*time.Millisecond)
			check("after a start", save)
			setUp(t, u, s, noon().Add(60*time.Second+100*time.Millisecond), 50*time.Second)
			check("set up again", true)
			if p, _ := s.Progress(); u.Lives != 2 || p != ubx.Done {
				t.Errorf("old %v, save %v: %d lives, progress %d", old, save, u.Lives, p)
			}
		}
	}
}

// TestUbloxRefuses: what it does not have it refuses, and it does not keep what has no
// memory.
func TestUbloxRefuses(t *testing.T) {
	u, err := NewUblox(UbloxOptions{Warmup: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := ubx.NewSetup(ubx.Plan{Messages: []string{"NAV-PVT", "SEC-SIG"}, Save: true})
	setUp(t, u, s, noon(), 30*time.Second)
	if p, refused := s.Progress(); p != ubx.Partly || !slices.Equal(refused, []string{"SEC-SIG", "save SEC-SIG"}) {
		t.Errorf("progress %d, refused %v", p, refused)
	}
	u.Hear(ubx.Append(nil, ubx.CfgRST, 0, 0, 2, 0), noon().Add(time.Minute))
	if _, pvt, _ := u.Set(ubx.NavPVT, 0); pvt != 0 || u.Lives != 2 {
		t.Errorf("after CFG-RST: NAV-PVT %d, %d lives", pvt, u.Lives)
	}
	if _, err := NewUblox(UbloxOptions{Baud: 7}); err == nil {
		t.Error("7 baud")
	}
}

// TestUbloxPace: a line carries what it can, however much there is to be sent.
func TestUbloxPace(t *testing.T) {
	u, err := NewUblox(UbloxOptions{Warmup: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := ubx.NewSetup(ubx.Plan{Interval: 50, Messages: []string{"NAV-PVT", "NAV-DOP", "NAV-EOE"}})
	setUp(t, u, s, noon(), 10*time.Second)
	if sent := setUp(t, u, s, noon().Add(10*time.Second), 10*time.Second); sent > 9600 || sent < 8600 {
		t.Errorf("%d bytes in ten seconds at 9600 baud", sent)
	}
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// kept are records as text.
type kept struct{ logged }

func (k *kept) Append(_ int64, _ byte, _ uint16, _ uint32, rec []byte) error {
	_, err := k.Write(append(rec, '\n'))
	return err
}

// Lose and Room are part of device.Sink.
func (k *kept) Lose(uint16, string, int) {}
func (k *kept) Room() <-chan struct{}    { return nil }

// TestUbloxOnALine: a gateway sets up a receiver on a line and reads what it sends then,
// again after it has started anew; and writes nothing to one unless it is told to.
func TestUbloxOnALine(t *testing.T) {
	for _, configure := range []bool{true, false} {
		u, err := NewUblox(UbloxOptions{Baud: 115200, Reboot: 3 * time.Second, Warmup: -1})
		if err != nil {
			t.Fatal(err)
		}
		p, err := OpenPty("", 0)
		if err != nil {
			t.Skipf("no pseudo-terminals here: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		spied := &spy{Device: u}
		var all sync.WaitGroup
		all.Go(func() { _, _ = Live(ctx, p, spied) })
		log, sink := &logged{}, &kept{}
		c := device.Config{Name: "gps", Type: "gps", Port: p.Name(), ID: "XXXX03GPS00012345", Options: &device.GPSOptions{
			Configure: configure, Setup: device.GPSSetup{Rate: 10, Messages: []string{"NAV-PVT", "NAV-DOP", "NAV-EOE", "-GSV"}, Constellations: []string{"gps", "galileo"}},
		}}
		ck := deviceclock.Fake(deviceclock.Now{Mono: 1000, Unix: time.Now().UnixMilli(), Trusted: true}, time.Now().Add(-time.Hour))
		set, err := device.New([]device.Config{c}, func(string) (uint16, error) { return 1, nil }, sink, device.Env{Gateway: "G", Clock: ck, Log: slog.New(slog.NewTextHandler(log, nil))}, device.Tuning{})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { set.Run(ctx) })
		times := 0
		if configure {
			times = 2
		}
		testkit.Eventually(t, "the receiver is set up, and again after it has started anew", func() bool {
			return strings.Count(log.String(), "event=gps.setup-done") >= times && strings.Contains(sink.String(), `"lacr":`) == configure && strings.Count(sink.String(), `"tsmId":1210`) > 2
		}, log.String)
		cancel()
		all.Wait()
		p.Close()
		if heard := spied.heard; (heard > 0) != configure {
			t.Errorf("configure %v: it wrote %d bytes", configure, heard)
		}
	}
}

// spy counts what is written to a device.
type spy struct {
	Device
	heard int
}

func (s *spy) Hear(b []byte, now time.Time) {
	s.heard += len(b)
	s.Device.Hear(b, now)
}
