package uplink

import (
	"slices"
	"time"
)

const (
	missedBeats = 3                // missing heartbeats that end the link
	minPatience = 10 * time.Second // however short the server's interval is
	minBeat     = time.Second      // closer ones came in a burst: the line was held up
	learntGaps  = 3                // until then the configured interval stands
	keptGaps    = 5
)

// haltlessSession is the dialect of Haltless: the token is the first message,
// without any reply, and the server says every so often that it is there.
// https://docs.haltless.io/docs/api-reference/websocket
type haltlessSession struct{ pulse pulse }

func (*haltlessSession) open() [][]byte    { return nil }
func (*haltlessSession) keepalive() []byte { return nil }

func (t *haltlessSession) onMessage(message []byte) serverMessage {
	var m struct {
		Type string `json:"type"`
		Time string `json:"server_time"`
	}
	if !parse(message, &m) {
		return serverMessage{kind: kindMalformed}
	}
	switch m.Type {
	case "heartbeat":
		h := serverMessage{kind: m.Type, patience: t.pulse.beat(time.Now())}
		if at, err := time.Parse(time.RFC3339, m.Time); err == nil {
			h.time = at
		}
		return h
	case "sensor_update", "alert", "machine_status":
		return serverMessage{kind: m.Type}
	}
	return serverMessage{}
}

// pulse learns how often the server sends a heartbeat.
type pulse struct {
	last time.Time
	gaps []time.Duration // the last few, oldest first
}

// beat notes a heartbeat and gives how long to wait for the server from now
// on: three of the usual gaps, and always twice the longest of the last few, so
// that an uneven server is not taken for a dead one; 0: not learnt yet.
func (p *pulse) beat(now time.Time) time.Duration {
	gap := now.Sub(p.last)
	first := p.last.IsZero()
	p.last = now
	if !first && gap >= minBeat {
		if p.gaps = append(p.gaps, gap); len(p.gaps) > keptGaps {
			p.gaps = slices.Delete(p.gaps, 0, 1)
		}
	}
	if len(p.gaps) < learntGaps {
		return 0
	}
	sorted := slices.Sorted(slices.Values(p.gaps))
	return max(missedBeats*sorted[len(sorted)/2], 2*sorted[len(sorted)-1], minPatience)
}
