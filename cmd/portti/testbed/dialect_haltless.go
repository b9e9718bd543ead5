package testbed

import (
	"sync"
	"time"
)

// haltlessBeat is what a Haltless server says every so often.
func haltlessBeat(now time.Time) []byte {
	return mustJSON(struct {
		Type string `json:"type"`
		Time string `json:"server_time"`
	}{"heartbeat", now.UTC().Format(time.RFC3339)})
}

// beat tells the time at an interval.
func (s *session) beat() (stop func()) {
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		tick := time.NewTicker(s.r.opts.Heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if s.r.faults.mute.Load() {
					continue
				}
				if s.say(haltlessBeat(now)) != nil {
					return // the reader finds out why
				}
			}
		}
	})
	return func() { close(done); s.conn.Close(); all.Wait() }
}
