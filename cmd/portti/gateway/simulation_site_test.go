package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"portti/buffer/crashtest"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
	"portti/device"
	"portti/device/clock"
	"portti/uplink"
	"portti/uplink/uplinktest"
)

// simSite is one gateway in its bubble.
type simSite struct {
	t     *testing.T
	rng   *rand.Rand
	dir   string
	cfg   *config.Config
	clock *clock.Clock
	log   simLog
	more  *simMore // nil: a kept seed, without power cuts

	reloads *simReloads

	net    *uplinktest.Listener
	server *testbed.Receiver

	mu      sync.Mutex
	lines   [2]*simLine // nil = unplugged
	seen    map[string]bool
	unknown []string

	fed      int
	killed   bool
	unkept   bool // by a kill, the time of a boot that was told while the disk could not be written
	young    int  // readings that kills may have cost: neither committed nor acknowledged
	reported int  // readings of which the server was told that they are lost
	disk     *simDisk
	gateway  *Gateway
	stop     context.CancelFunc
	ended    chan error
}

const simConfig = `config_version = 1
[gateway]
id = "XXXX00SIM00000001"
report_interval = "0s"
[paths]
state = %q
run = "/nonexistent"
[uplink]
url = "ws://127.0.0.1:1/"
auth = "none"
ack = %q
order = %q
fence_hold = %q
[buffer]
commit_every = %q
max_size = %q
when_full = %q
min_free_disk = "0MB"
[[device]]
name = "a"
type = "lines"
port = "/sim/a"
id = "A"
[[device]]
name = "b"
type = "lines"
port = "/sim/b"
id = "B"
`

// newSimSite makes a site; ack "" leaves the acknowledgement to the seed.
func newSimSite(t *testing.T, seed uint64, dir, ack string) *simSite {
	s := &simSite{t: t, rng: rand.New(rand.NewPCG(seed, 1)), dir: dir, seen: map[string]bool{}, net: uplinktest.Listen()}
	acks, holds, commits := []string{"fence", "fence", "count"}, []string{"0s", "1s", "30s"}, []string{"1s", "0s", "5s"}
	also := rand.New(rand.NewPCG(seed, 3)) // numbers of its own: the kept seeds stay the stories they are
	if ack == "" {
		ack = acks[s.rng.IntN(len(acks))]
		if also.IntN(3) == 0 {
			ack = "envelope"
		}
	}
	order := []string{"fifo", "fresh-first"}[also.IntN(2)]
	sizes, policies := []string{"200MB", "200MB", "1MiB"}, []string{"thin", "thin", "drop-oldest", "drop-newest"}
	text := fmt.Sprintf(simConfig, filepath.Join(dir, "state"), ack, order, holds[s.rng.IntN(3)], commits[s.rng.IntN(3)],
		sizes[s.rng.IntN(3)], policies[s.rng.IntN(4)])
	path := filepath.Join(dir, "portti.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.cfg, err = config.Load(path, config.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	s.reloads = newSimReloads(seed, s.cfg)
	s.clock = clock.Fake(clock.Now{Mono: 1, Unix: 0}, buildDay)
	s.clock.Flow()
	s.server, err = testbed.NewReceiver(testbed.Options{Listener: s.net, Ack: ack, OnMessage: s.take})
	if err != nil {
		t.Fatal(err)
	}
	s.lines[0], s.lines[1] = newSimLine(), newSimLine()
	return s
}

// take notes the readings by their running number.
func (s *simSite) take(msg []byte, repeat bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.Contains(string(msg), `"tsmId":90300,`) {
		var m struct{ Count int }
		if err := json.Unmarshal(msg, &m); err != nil {
			s.unknown = append(s.unknown, string(msg))
		} else if !repeat {
			s.reported += m.Count
		}
		return
	}
	_, rest, ok := strings.Cut(string(msg), `"n":`)
	if !ok {
		s.unknown = append(s.unknown, string(msg))
		return
	}
	n := rest[:strings.IndexAny(rest, ",}")]
	s.seen[n] = true
	if s.more != nil {
		s.more.heard(n, msg)
	}
}

func (s *simSite) open(_ context.Context, c device.Config) (device.Opened, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := int(c.Name[0] - 'a')
	if s.lines[i] == nil {
		return device.Opened{}, &device.OpenError{State: device.Missing, Code: device.CodeGone, Err: os.ErrNotExist}
	}
	line := s.lines[i]
	line.change(func() { line.gone, line.deadline = false, time.Time{} })
	return device.Opened{Line: line, Path: c.Port}, nil
}

func (s *simSite) start() {
	if s.more == nil {
		s.startWith(nil)
	} else {
		s.startAnyhow()
	}
}

// startWith starts on a disk that begins as told.
func (s *simSite) startWith(trouble func(*simDisk)) {
	var layer *crashtest.Layer
	dial := s.net.Dial
	if s.more != nil {
		layer = s.more.layer
	}
	disk := newSimDisk(s.cfg.Paths.BufferDir(), layer)
	if s.disk = disk; s.more != nil {
		trouble(disk)
		s.clock = s.more.machine.Clock(buildDay)
		dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if disk.dead() {
				return nil, errDead
			}
			c, err := s.net.Dial(ctx, network, addr)
			return simConn{c, disk}, err
		}
	}
	g, err := New(s.cfg, Options{
		Version: "sim", Built: buildDay, Clock: s.clock, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Device: device.Tuning{Open: s.open}, FS: s.disk, Load: s.reloads.load,
		Dial: uplink.Options{Dial: dial, Rand: rand.New(rand.NewPCG(s.rng.Uint64(), 2)).Float64},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.gateway, s.stop, s.ended = g, cancel, make(chan error, 1)
	if s.more != nil {
		disk.mu.Lock()
		disk.onCut = func() { s.atCut(61 * time.Second) }
		disk.mu.Unlock()
		if s.more.small == nil {
			s.more.small = map[string][]byte{}
		}
	}
	go func() { s.ended <- g.work(ctx) }()
	synctest.Wait()
}

// kill ends the gateway as kill -9 does: from one moment on nothing more
// reaches the disk or the network. The line keeps what was not read.
func (s *simSite) kill() {
	synctest.Wait()
	st := s.checkedStatus()
	if s.more != nil {
		s.note("killed, %d readings fed, %d came", s.fed, len(s.seen))
		s.atCut(2 * time.Second)
		s.disk.mu.Lock()
		s.disk.onCut = nil
		s.disk.mu.Unlock()
		s.die()
		s.more.restoreSmall(s.cfg.Paths.State)
		return
	}
	s.unkept = s.unkept || st.Buffer.State == status.BufferDegraded
	s.disk.be(errDead, 0)
	s.server.Refuse(true)
	s.server.Cut()
	s.killed = true
	s.young += int(st.Buffer.WaitingMemory)
	s.stop()
	<-s.ended // with an error: the disk is gone
	s.server.Refuse(false)
}

func (s *simSite) halt() status.Document {
	s.stop()
	err := <-s.ended
	if err != nil && s.more == nil {
		s.t.Fatalf("the gateway ended with %v", err)
	}
	st := s.checkedStatus()
	if err != nil { // what it could not save is told, and a start may be blind or have met a fault
		s.young, s.killed = s.young+int(st.Buffer.WaitingMemory), true
	}
	if s.more != nil {
		s.more.layer.Pass = s.more.layer.Step
		s.endRun()
	}
	return st
}

// feed puts whole lines on a line that is plugged in and open: what is sent to
// an unplugged one nobody can count.
func (s *simSite) feed(n int) {
	s.mu.Lock()
	i := s.rng.IntN(2)
	line := s.lines[i]
	s.mu.Unlock()
	if line == nil {
		return
	}
	there := false
	for _, d := range s.gateway.Status().Devices {
		there = there || d.Name == string(rune('a'+i)) && d.State != status.DeviceMissing
	}
	if !there {
		return
	}
	line.change(func() {
		if line.gone {
			return
		}
		for range n {
			s.fed++
			if s.more != nil {
				s.mu.Lock()
				s.more.fedAt = append(s.more.fedAt, time.Now())
				s.mu.Unlock()
			}
			line.buf = fmt.Appendf(line.buf, "{\"n\":%d}\n", s.fed)
		}
	})
}

func (s *simSite) checkedStatus() status.Document {
	st := s.gateway.Status()
	if err := st.CheckLedger(); err != nil {
		s.t.Fatal(err)
	}
	if s.more != nil {
		s.follow()
	}
	return st
}

// drawn says whether the life has that kind of fault.
func (s *simSite) drawn(kind simKinds) bool { return s.more == nil || s.more.kinds&kind != 0 }
