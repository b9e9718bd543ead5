package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"portti/uplink"
)

// Options say how many gateways, what each has to deliver, and where to.
type Options struct {
	Gateways int
	Readings int     // of each gateway
	Rate     float64 // readings a second of each gateway; 0: all of them wait at the beginning
	// For is when it ends at the latest; 0: when every reading is proven.
	For time.Duration
	// Tokens are one for all gateways, or one for each; none: they show none.
	Tokens []string
	// Link is what all links have in common: the server, and how it proves.
	Link uplink.Options
}

// Progress is how far a fleet is.
type Progress struct {
	Connected int    // gateways, now
	Proven    uint64 // readings
	Failures  uint64 // attempts that failed and connections that broke
	PerSecond uint64 // readings proven in the last second
}

// fleet is one run.
type fleet struct {
	o     Options
	began time.Time
	links []*uplink.Link
	queue []*source
	tally tally

	stopped       atomic.Int64 // after which time no reading is made any more; 0: it goes on
	proven, aside atomic.Uint64
	lastProof     atomic.Int64 // after which time the last reading was proven
	closing       atomic.Bool
	settled       chan struct{} // closed when the server has answered for every reading there will ever be
}

const (
	tick     = time.Second
	latePart = 5 * time.Second // for what was made just before the time was over
	farewell = 3 * time.Second // for the links to close in order
)

// Run plays the fleet until every reading is proven, the time is over or ctx ends, which
// is told from the report. tell is called each second. An error means that nothing was tried.
func Run(ctx context.Context, o Options, tell func(Progress)) (Report, error) {
	f := &fleet{o: o, began: time.Now(), settled: make(chan struct{})}
	f.tally = tally{times: make([]uint64, o.Gateways), said: map[string]string{}}
	f.o.Link.Lookup = new(names).lookup
	f.o.Link.Proof = f.tally.proof.note
	f.o.Link.WriteBuffers = new(sync.Pool)
	run := random(3)
	for i := range o.Gateways {
		if err := f.add(i, fmt.Sprintf("XXXX00FLT%s%05d", run, i+1)); err != nil {
			return Report{}, err
		}
	}
	linked, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var running sync.WaitGroup
	for i, l := range f.links {
		running.Go(func() { _ = l.Run(linked, f.queue[i]) }) // ErrLeft, or as linked was cut: the sources have no errors
	}
	f.wait(ctx, tell)
	f.tally.online = f.tally.look(f.links, time.Since(f.began)).Connected
	leave := time.AfterFunc(farewell, cut)
	defer leave.Stop()
	for _, l := range f.links {
		l.Leave()
	}
	running.Wait()
	f.tally.look(f.links, time.Since(f.began))
	return f.report(), nil
}

// add makes gateway i.
func (f *fleet) add(i int, id string) error {
	o := f.o.Link
	o.Gateway, o.Start, o.Auth = id, random(8), uplink.AuthNone
	if n := len(f.o.Tokens); n > 0 {
		o.Auth, o.Token = uplink.AuthHeader, token{uplink.NewSecret(f.o.Tokens[i%n])}
	}
	l, err := uplink.New(o)
	if err != nil {
		return err
	}
	s := &source{f: f, id: id, epoch: random(8)}
	if f.o.Rate > 0 {
		s.late = time.Duration(float64(i) / float64(f.o.Gateways) / f.o.Rate * float64(time.Second))
	}
	f.links, f.queue = append(f.links, l), append(f.queue, s)
	return nil
}

// wait follows the run until it is over.
func (f *fleet) wait(ctx context.Context, tell func(Progress)) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var over <-chan time.Time
	if f.o.For > 0 {
		over = time.After(f.o.For)
	}
	var before uint64
	for {
		select {
		case <-ctx.Done():
			f.stop()
			return
		case <-f.settled:
			return
		case <-over:
			if over = time.After(latePart); !f.stop() {
				return
			}
		case <-ticker.C:
			p := f.tally.look(f.links, time.Since(f.began))
			p.Proven = f.proven.Load()
			p.PerSecond, before = p.Proven-before, p.Proven
			tell(p)
		}
		if f.stopped.Load() > 0 && f.done() {
			return
		}
	}
}

// stop has no more readings made; it was the first time, and there may be some on the way.
func (f *fleet) stop() bool {
	return f.o.Rate > 0 && f.stopped.CompareAndSwap(0, int64(time.Since(f.began)))
}

// made is how many readings there are of all gateways.
func (f *fleet) made() (n uint64) {
	now := time.Now()
	for _, s := range f.queue {
		n += s.made(now)
	}
	return n
}

func (f *fleet) done() bool { return f.proven.Load()+f.aside.Load() >= f.made() }

// settle counts n readings that the server has answered for.
func (f *fleet) settle(count *atomic.Uint64, n uint64) {
	if count == &f.proven {
		f.lastProof.Store(int64(time.Since(f.began)))
	}
	count.Add(n)
	all := uint64(f.o.Gateways) * uint64(f.o.Readings)
	if f.proven.Load()+f.aside.Load() == all && f.closing.CompareAndSwap(false, true) {
		close(f.settled)
	}
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// token is one that never changes.
type token struct{ uplink.Secret }

func (t token) Token(context.Context) (uplink.Secret, error) { return t.Secret, nil }

// names asks the name server once in a while for all gateways: thousands of questions at
// once would take more files than the connections, and be a trial of the name server.
type names struct {
	mu    sync.Mutex
	known map[string]answer
}

type answer struct {
	at    time.Time
	addrs []netip.Addr
	err   error
}

func (c *names) lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, known := c.known[network+host]
	if !known || time.Since(a.at) > 10*time.Second {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
		if ctx.Err() != nil { // one gateway's patience, which says nothing for the others
			return nil, err
		}
		a = answer{time.Now(), addrs, err}
		if c.known == nil {
			c.known = map[string]answer{}
		}
		c.known[network+host] = a
	}
	return a.addrs, a.err
}
