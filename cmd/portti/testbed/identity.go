package testbed

import (
	"fmt"
	"net/http"
	"strings"
)

// caller is what the headers of an upgrade say about who comes.
type caller struct {
	gateway string // "": it did not say
	start   string // made anew whenever the gateway's process starts
	peer    string // its address
}

// callerOf reads the headers. Where one is missing or malformed nothing is known.
func callerOf(req *http.Request) caller {
	c := caller{gateway: req.Header.Get("Portti-Gateway"), start: strings.ToLower(req.Header.Get("Portti-Start")), peer: req.RemoteAddr}
	if c.gateway == "" || len(c.gateway) > maxGateway || !isEpoch(c.start) {
		return caller{peer: req.RemoteAddr}
	}
	return c
}

// starts remembers the last two starts of each gateway. A restart is a start
// never seen before; one that returns after another is a second gateway with
// the same id, since a process that has ended does not come back.
type starts struct {
	rows map[string]*lastStarts
	turn uint64
}

type lastStarts struct {
	now, before caller
	told        [2]string // the pair that was last spoken of
	used        uint64    // turn of the last use
}

// maxStarts bounds the gateways that are remembered. One that is forgotten is
// told of one connection later.
const maxStarts = 10_000

// met takes note of a connection. twice says that its gateway's id is used by
// two, the other one being known from other's address, and fresh that this was
// not said of these two before.
func (s *starts) met(c caller) (other caller, twice, fresh bool) {
	if c.gateway == "" {
		return caller{}, false, false
	}
	s.turn++
	last := s.rows[c.gateway]
	if last == nil {
		s.forgetOne()
		last = &lastStarts{}
		s.rows[c.gateway] = last
	}
	last.used = s.turn
	switch c.start {
	case last.now.start:
		last.now = c
		return caller{}, false, false
	case last.before.start:
		twice = true
	}
	last.before, last.now = last.now, c
	if !twice {
		return caller{}, false, false
	}
	pair := [2]string{min(c.start, last.before.start), max(c.start, last.before.start)}
	fresh = pair != last.told
	last.told = pair
	return last.before, true, fresh
}

// forgetOne makes room for one more.
func (s *starts) forgetOne() {
	if len(s.rows) < maxStarts {
		return
	}
	oldest, used := "", s.turn
	for gateway, last := range s.rows {
		if last.used < used {
			oldest, used = gateway, last.used
		}
	}
	delete(s.rows, oldest)
}

// noticeInUse tells a gateway that another one has its id.
const noticeInUse = `{"type":"notice","code":"identity-in-use"}`

// meet takes note of a connection that was let in. When the id of its gateway is used
// by two it says so, and tells those that are connected, where the mode gives
// the server a word.
func (r *Receiver) meet(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.met = true
	other, twice, fresh := r.starts.met(s.caller)
	if !twice {
		return
	}
	r.stats.InUse++
	if fresh {
		r.opts.Log.Warn(fmt.Sprintf("two gateways have the id %s, one at %s and one at %s, most likely by a copied card: give one of them another one, with portti identity new there, or id in [gateway] where one is set",
			s.caller.gateway, other.peer, s.caller.peer), "component", "receive", "event", "identity.in-use")
	}
	if s.ack != "count" && s.ack != "envelope" {
		return
	}
	for t := range r.sessions {
		if t.caller.gateway == s.caller.gateway && t.met {
			// Not waited for: one that does not read must not keep the others back.
			// s is among those joined, so the group is not at rest.
			r.joined.Go(func() { _ = t.prove([]byte(noticeInUse)) })
		}
	}
}
