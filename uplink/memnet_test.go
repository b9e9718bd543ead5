package uplink

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"portti/uplink/uplinktest"
)

// memNet is a network of one server. Each dial is a new connection, served by
// serve in a goroutine of its own.
type memNet struct {
	room  int // send buffer, default 64 KiB
	mtu   int // larger writes of the client are swallowed
	rate  int // bytes a second from client to server; 0: any
	serve func(n int, peer *wire)

	address netip.Addr        // of the client
	fail    func(n int) error // of the n-th dial, from 1

	mu    sync.Mutex
	dials []time.Time
	wg    sync.WaitGroup
}

func (m *memNet) dial(_ context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	m.dials = append(m.dials, time.Now())
	n := len(m.dials)
	m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(n); err != nil {
			return nil, err
		}
	}
	room := m.room
	if room == 0 {
		room = 64 << 10
	}
	client, server := uplinktest.Pair(room)
	client.MTU = m.mtu
	client.Local = m.address
	server.Rate = m.rate
	m.wg.Go(func() {
		defer server.Close()
		m.serve(n, newWire(server))
	})
	return client, nil
}

func (m *memNet) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.dials)
}

// gaps are the times between dials.
func (m *memNet) gaps() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(m.dials); i++ {
		out = append(out, m.dials[i].Sub(m.dials[i-1]))
	}
	return out
}
