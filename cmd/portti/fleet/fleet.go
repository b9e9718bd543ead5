// Package fleet is many gateways in one process: portti simulate --fleet. Each has the
// link that a gateway has, with its pauses after a failure and its repeats after a broken
// connection, and an identity, an epoch and a queue of its own. The queues cost no
// memory: a reading is made anew, byte for byte the same, whenever it is sent.
package fleet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"portti/uplink"
)

// Options say how many gateways, what each has to deliver, and where to.
type Options struct {
	Gateways int
	Readings int           // of each gateway
	Rate     float64       // readings a second of each gateway; 0: all of them wait at the beginning
	For      time.Duration // when it ends at the latest; 0: when every reading is proven
	Tokens   []string      // one for all gateways, or one for each; none: they show none
	Link     uplink.Options
}

// Progress is how far a fleet is.
type Progress struct {
	Connected int    // gateways, now
	Proven    uint64 // readings
	Failures  uint64 // attempts that failed and connections that broke
	PerSecond uint64 // readings proven since the last Progress
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
}

const (
	looks    = 10              // a second
	latePart = 5 * time.Second // for what was made just before the time was over
	farewell = 3 * time.Second // for the links to close in order
)

// Run plays the fleet until every reading is proven, the time is over or ctx ends. tell is
// called each second. An error means that nothing was tried.
func Run(ctx context.Context, o Options, tell func(Progress)) (Report, error) {
	f := &fleet{o: o, began: time.Now()}
	f.tally = tally{times: make([]uint64, o.Gateways), said: map[string]string{}, last: f.began}
	f.o.Link.Proof, f.o.Link.WriteBuffers = f.tally.proof.note, new(sync.Pool)
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
		running.Go(func() { _ = l.Run(linked, f.queue[i]) }) // the sources have no errors
	}
	f.wait(ctx, tell)
	online := f.look().Connected
	defer time.AfterFunc(farewell, cut).Stop()
	for _, l := range f.links {
		l.Leave()
	}
	running.Wait()
	f.look()
	return f.report(online), nil
}

// add makes gateway i.
func (f *fleet) add(i int, id string) error {
	o := f.o.Link
	o.Gateway, o.Start, o.Auth = id, random(8), uplink.AuthNone
	if n := len(f.o.Tokens); n > 0 {
		o.Auth, o.Token = uplink.AuthHeader, token{uplink.NewSecret(f.o.Tokens[i%n])}
	}
	l, err := uplink.New(o)
	s := &source{f: f, id: id, epoch: random(8)}
	if f.o.Rate > 0 {
		s.late = time.Duration(float64(i) / float64(f.o.Gateways) / f.o.Rate * float64(time.Second))
	}
	f.links, f.queue = append(f.links, l), append(f.queue, s)
	return err
}

// wait follows the run until it is over.
func (f *fleet) wait(ctx context.Context, tell func(Progress)) {
	ticker := time.NewTicker(time.Second / looks)
	defer ticker.Stop()
	end := f.o.For
	var before uint64
	for n := 1; f.proven.Load()+f.aside.Load() < f.made(); n++ {
		select {
		case <-ctx.Done():
			f.stop()
			return
		case <-ticker.C:
		}
		if end > 0 && time.Since(f.began) >= end {
			if end += latePart; !f.stop() {
				return
			}
		}
		if n%looks == 0 {
			p := f.look()
			p.PerSecond, before = p.Proven-before, p.Proven
			tell(p)
		}
	}
}

// stop has no more readings made. It says whether there may be some on the way.
func (f *fleet) stop() bool {
	return f.o.Rate > 0 && f.stopped.CompareAndSwap(0, int64(time.Since(f.began)))
}

// made is how many readings there are, or will be.
func (f *fleet) made() (n uint64) {
	if f.stopped.Load() == 0 {
		return uint64(f.o.Gateways) * uint64(f.o.Readings)
	}
	for _, s := range f.queue {
		n += s.made(time.Now())
	}
	return n
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// token is one that never changes.
type token struct{ secret uplink.Secret }

func (t token) Token(context.Context) (uplink.Secret, error) { return t.secret, nil }
