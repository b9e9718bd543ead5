package uplink

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrOffline is what Ping returns where there is no connection, or it ends.
var ErrOffline = errors.New("there is no connection")

// Ping measures the round trip to the server over the connection there is: from a ping,
// which is sent for it unless one is out already, to its pong. It may be called from any
// goroutine.
func (l *Link) Ping(ctx context.Context) (time.Duration, error) {
	answer := make(chan time.Duration, 1)
	if !l.board.await(answer) {
		return 0, ErrOffline
	}
	defer l.board.forget(answer)
	l.ping.Store(true)
	l.Wake()
	select {
	case d := <-answer:
		if d == 0 {
			return 0, ErrOffline
		}
		return d, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// await has answer told the next round trip; false where there is no connection.
func (b *statusBoard) await(answer chan<- time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.s.State != Online {
		return false
	}
	b.pongs = append(b.pongs, answer)
	return true
}

func (b *statusBoard) forget(answer chan<- time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pongs = slices.DeleteFunc(b.pongs, func(c chan<- time.Duration) bool { return c == answer })
}

// measured tells those who wait for it a round trip; 0: the connection has ended.
func (b *statusBoard) measured(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.pongs {
		c <- d // which has room for the one that it gets
	}
	b.pongs = nil
}
