//go:build peers

package peers_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"portti/cross/testkit"
	"portti/uplink"
)

// options tries again soon, but never takes a slow machine for a dead server:
// what a broken link sends again would count as a repeat.
func options(url string) uplink.Options {
	return uplink.Options{
		URL: url, Auth: uplink.AuthNone, Proxy: "none",
		BackoffBase: 50 * time.Millisecond, BackoffCap: 200 * time.Millisecond, Spread: 100 * time.Millisecond,
		PingInterval: time.Second, PongTimeout: testkit.Patience,
	}
}

// running is a link at work.
type running struct {
	t    *testing.T
	link *uplink.Link
	q    *queue
	done chan error
}

func run(t *testing.T, o uplink.Options, q *queue) *running {
	t.Helper()
	l, err := uplink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	r := &running{t: t, link: l, q: q, done: make(chan error, 1)}
	go func() { r.done <- l.Run(ctx, q) }()
	return r
}

// finish seals the queue, waits for the end and checks that every record
// arrived. It returns the number of repeats.
func (r *running) finish(rc *receiver, records int) (repeats int) {
	r.t.Helper()
	r.q.seal()
	if err := <-r.done; err != nil {
		r.t.Fatalf("Run: %v; %+v", err, r.link.Status())
	}
	// What a receiver handles after its own delay may still be on the way.
	var got map[int]int
	testkit.Eventually(r.t, "every record has arrived", func() bool {
		got = rc.received()
		return len(got) >= records
	}, func() string {
		n := 1
		for got[n] > 0 {
			n++
		}
		return fmt.Sprintf("%d of %d arrived, record %d did not", len(got), records, n)
	})
	for _, times := range got {
		repeats += times - 1
	}
	st := r.link.Status()
	r.t.Logf("%d records, %d repeats, %d connections, round trip %v", records, repeats, st.Connects, st.RTT)
	return repeats
}

func TestNode(t *testing.T) {
	rc := nodeReceiver(t)
	q := newQueue(time.Second)
	r := run(t, options(rc.url()), q)
	q.add(20_000)
	if n := r.finish(rc, 20_000); n != 0 {
		t.Errorf("%d repeats on an undisturbed link", n)
	}
}

func TestNodeCounts(t *testing.T) {
	rc := nodeReceiver(t, "--count")
	o := options(rc.url())
	o.Ack = uplink.AckCount
	q := newQueue(0)
	r := run(t, o, q)
	q.add(20_000)
	if n := r.finish(rc, 20_000); n != 0 {
		t.Errorf("%d repeats on an undisturbed link", n)
	}
}

func TestPython(t *testing.T) {
	rc := pythonReceiver(t)
	q := newQueue(time.Second)
	r := run(t, options(rc.url()), q)
	q.add(20_000)
	r.finish(rc, 20_000)
}

// kill -9 in mid-stream, three times, further apart than the hold: the hold
// covers one crash at a time.
func TestKilledReceivers(t *testing.T) {
	for name, peer := range map[string]func(*testing.T) *receiver{
		"node":   func(t *testing.T) *receiver { return nodeReceiver(t) },
		"python": pythonReceiver,
	} {
		t.Run(name, func(t *testing.T) {
			rc := peer(t)
			const hold = 2 * time.Second
			q := newQueue(hold)
			r := run(t, options(rc.url()), q)
			records := 0
			feed := func(n int) {
				for range n {
					q.add(5)
					records += 5
					time.Sleep(2 * time.Millisecond)
				}
			}
			for range 3 {
				feed(200)
				rc.kill()
				feed(100) // into the buffer
				rc.start()
				feed(200)
				testkit.Eventually(t, "what was proven is older than the hold", func() bool {
					first, _ := q.Bounds()
					return first > uint64(records)
				})
			}
			feed(50)
			r.finish(rc, records)
			if st := r.link.Status(); st.Connects < 4 {
				t.Errorf("only %d connections: the kills did not bite", st.Connects)
			}
		})
	}
}

// nginx answers the handshake and carries pings through; its upstream freezes.
// The link must notice, and everything must arrive once it thaws.
func TestNginxWithAFrozenUpstream(t *testing.T) {
	rc := nodeReceiver(t)
	url, caFile := nginx(t, rc)
	o := options(url)
	o.CAFile, o.PongTimeout = caFile, 2*time.Second
	q := newQueue(30 * time.Second)
	r := run(t, o, q)
	q.add(5_000)
	testkit.Eventually(t, "the first records are proven", func() bool { return r.link.Status().Proven == 5_000 })
	if err := rc.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	q.add(5_000)
	testkit.Eventually(t, "the silence is noticed", func() bool { return r.link.Status().Failures > 0 })
	if st := r.link.Status(); st.Proven != 5_000 || st.Problem == "" && st.LastError == "" {
		t.Errorf("a frozen server proved something: %+v", st)
	}
	if err := rc.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.finish(rc, 10_000)
}

// The receiver behind nginx is killed and comes back: nginx answers 502 in
// between.
func TestNginxWithAKilledUpstream(t *testing.T) {
	rc := nodeReceiver(t)
	url, caFile := nginx(t, rc)
	o := options(url)
	o.CAFile = caFile
	q := newQueue(30 * time.Second)
	r := run(t, o, q)
	q.add(5_000)
	testkit.Eventually(t, "the first records are proven", func() bool { return r.link.Status().Proven == 5_000 })
	rc.kill()
	q.add(5_000)
	testkit.Eventually(t, "nginx says that its server is gone", func() bool { return r.link.Status().Problem == uplink.ProblemServer })
	rc.start()
	r.finish(rc, 10_000)
}
