package gateway

import (
	"context"
	"math/rand/v2"
	"testing/synctest"
	"time"

	"portti/cmd/portti/config"
	"portti/device"
)

// simReloads are the reloads of a life: devices that go, change and come back, a link that
// is made anew. It has numbers of its own, so that a life's faults stay what they are.
type simReloads struct {
	*rand.Rand
	devices []device.Config
	files   *config.Config // as they are now
	count   int
}

func newSimReloads(seed uint64, cfg *config.Config) *simReloads {
	return &simReloads{Rand: rand.New(rand.NewPCG(seed, 9)), devices: cfg.Devices, files: cfg}
}

// load is what a gateway reads.
func (r *simReloads) load() (*config.Config, error) { return r.files, nil }

// edit changes the files.
func (r *simReloads) edit() {
	next := *r.files
	switch r.IntN(6) {
	case 0:
		next.Devices = r.devices[:1]
	case 1:
		next.Devices = r.devices[1:]
	case 2:
		next.Devices = []device.Config{r.devices[1], r.devices[0]}
	case 3:
		next.Devices = append([]device.Config{}, r.devices...)
		next.Devices[r.IntN(2)].MaxLine = 4096 + r.IntN(2)
	default:
		next.Uplink.PingInterval = config.Duration(time.Duration(15+r.IntN(10)) * time.Second)
	}
	r.files = &next
}

// whole has every device read again.
func (r *simReloads) whole() {
	next := *r.files
	next.Devices = r.devices
	r.files = &next
}

// sometimesReload is called before each step of a life with cuts.
func (s *simSite) sometimesReload() {
	if s.more == nil || s.reloads.IntN(5) > 0 {
		return
	}
	s.reloads.edit()
	s.reload()
}

// reload has the gateway read the files. What a line holds stays there for whoever reads
// it next; half a line that was read is not there.
func (s *simSite) reload() {
	synctest.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := s.gateway.Reload(ctx)
	if err == nil && r.Error != "" {
		s.t.Fatalf("a good configuration was refused: %s", r.Error)
	}
	if s.reloads.count++; err != nil {
		s.note("not reloaded: %v", err) // the gateway has ended
		return
	}
	s.note("reloaded: %v", r.Applied)
	s.cfg = s.reloads.files
}
