package uplink

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"portti/uplink/uplinktest"
)

// endlessSource gives the same record n times and takes every proof.
type endlessSource struct {
	rec     []byte
	recs    [][]byte
	n       uint64
	acked   uint64
	changed chan struct{}
}

func newEndlessSource(n int) *endlessSource {
	s := &endlessSource{rec: record(1_000_000_000), n: uint64(n), changed: make(chan struct{})}
	for len(s.rec) < 166 { // the length measured for a usual message
		s.rec = append(s.rec, ' ')
	}
	return s
}

func (s *endlessSource) Read(from uint64, maxBytes, maxRecs int) (uint64, [][]byte, error) {
	if from > s.n {
		return 0, nil, io.EOF
	}
	k := min(maxBytes/len(s.rec), maxRecs, int(s.n-from+1))
	s.recs = s.recs[:0]
	for range k {
		s.recs = append(s.recs, s.rec)
	}
	return from, s.recs, nil
}

func (s *endlessSource) Ack(_, through uint64) error     { s.acked = through; return nil }
func (s *endlessSource) Rewind() (uint64, error)         { return s.acked + 1, nil }
func (s *endlessSource) Forget() error                   { return nil }
func (s *endlessSource) Quarantine(uint64, string) error { return nil }
func (s *endlessSource) Bounds() (uint64, uint64)        { return s.acked + 1, s.n + 1 }
func (s *endlessSource) Changed() <-chan struct{}        { return s.changed }

// One operation is one frame of 180 records of 166 bytes, from the queue to a
// server on loopback that reads it, proof included.
func BenchmarkFrames(b *testing.B) {
	for _, ack := range []string{AckFence, AckNone} {
		b.Run(ack, func(b *testing.B) {
			addr := listen(b, func(_ int, w *wire) {
				if w.accept() != nil {
					return
				}
				for {
					f, err := w.read()
					switch {
					case err != nil:
						return
					case f.op == opPing:
						_ = w.send(fin|opPong, f.data)
					case f.op == opClose:
						_ = w.send(fin|opClose, f.data)
						return
					}
				}
			})
			const perFrame = 179
			l := newLink(b, Options{URL: "ws://" + addr, Ack: ack, MaxBatchMessages: perFrame})
			src := newEndlessSource(b.N * perFrame)
			b.SetBytes(perFrame * int64(len(src.rec)))
			b.ReportAllocs()
			b.ResetTimer()
			if err := l.Run(context.Background(), src); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(l.Status().SentRecords)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// The sending side alone: no server reads, no kernel.
func BenchmarkWriteFrame(b *testing.B) {
	s, l := discardSession(b)
	src := newEndlessSource(1 << 30)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		_, recs, _, err := l.pack(src, portion{from: 1})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.wire.frame(outgoing{head: []byte{'['}, recs: recs, tail: "]"}, s.started); err != nil {
			b.Fatal(err)
		}
	}
}

// A frame of any number of records costs one allocation, gorilla's message
// writer; the second one here is the test connection's deadline.
func TestAllocationsPerFrame(t *testing.T) {
	s, l := discardSession(t)
	src := newEndlessSource(1 << 30)
	head := []byte{'['}
	n := testing.AllocsPerRun(200, func() {
		_, recs, _, err := l.pack(src, portion{from: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.wire.frame(outgoing{head: head, recs: recs, tail: "]"}, s.started); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations per frame", n)
	}
}

func discardSession(tb testing.TB) (*session, *Link) {
	tb.Helper()
	l := newLink(tb, Options{URL: "ws://localhost/"})
	var wg sync.WaitGroup
	client, server := uplinktest.Pair(1 << 20)
	wg.Go(func() { _ = newWire(server).accept() })
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }, WriteBufferSize: l.writeBuffer}
	conn, _, err := d.Dial("ws://localhost/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	wg.Wait()
	client.Discard = true
	return newSession(l, newSocket(conn, &guard{Conn: client}, l.writeBuffer), "", newEndlessSource(1)), l
}
