package uplink

import (
	"fmt"
	"testing"

	"portti/cross/testkit"
)

// surfacer is a source in which older records turn up late.
type surfacer struct {
	*fakeSource
	behind uint64
}

func (s *surfacer) surface(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := uint64(1); i <= n; i++ {
		s.recs[i] = record(i)
	}
	s.first, s.behind = 1, 1
	s.poke()
}

func (s *surfacer) Behind(next uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind != 0 && s.behind < next
}

func (s *surfacer) Forget() error {
	s.mu.Lock()
	s.behind = 0
	s.mu.Unlock()
	return s.fakeSource.Forget()
}

// Records appear below where the link stands: it takes them up without waiting
// for the link to break, closing in order, so nothing is sent twice.
func TestRecordsSurfaceBehindTheReader(t *testing.T) {
	c := &collector{}
	l := newLink(t, Options{URL: serve(t, c), Ack: AckFence, Token: staticToken(NewSecret("tok-1"))})
	src := &surfacer{fakeSource: newFakeSource(t)}
	src.hold = true
	src.skip(50)
	src.add(100)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(t.Context(), src) }()
	testkit.Eventually(t, "the first 100 are delivered", func() bool { return src.count(held) == 100 })
	src.surface(50)
	testkit.Eventually(t, "all 150 records arrive", func() bool { return c.distinct() == 150 },
		func() string { return fmt.Sprintf("%d arrived: %+v", c.distinct(), l.Status()) })
	src.seal()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, times := range c.seen {
		if times != 1 {
			t.Errorf("record %d came %d times", n, times)
		}
	}
	if src.rewinds != 0 || src.forgets != 2 {
		t.Errorf("rewinds %d, forgets %d", src.rewinds, src.forgets)
	}
}
