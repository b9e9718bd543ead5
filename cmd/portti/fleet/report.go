package fleet

import (
	"cmp"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"portti/uplink"
)

// Report is what a run came to, as portti simulate --fleet prints it with --json. Fields
// are only ever added.
type Report struct {
	Gateways  int     `json:"gateways"`
	Connected int     `json:"connected"` // gateways that were connected at least once
	AtEnd     int     `json:"connected_at_end"`
	Connects  uint64  `json:"connects"` // connections of all of them
	PerSecond uint64  `json:"connects_per_second_max"`
	AllUpS    float64 `json:"last_first_connection_s"` // when the last of them came for the first time
	Readings  uint64  `json:"readings"`                // that were made
	Proven    uint64  `json:"proven"`
	Aside     uint64  `json:"set_aside"` // refused for ever by the server
	Unproven  uint64  `json:"unproven"`
	Resent    uint64  `json:"resent"` // times that a reading was sent again
	ProvenS   float64 `json:"last_proof_s"`
	TookS     float64 `json:"took_s"`
	// From the sending of a batch to its proof; 0 without any.
	ProofP50 float64 `json:"proof_ms_p50"`
	ProofP99 float64 `json:"proof_ms_p99"`
	Ends     []End   `json:"ends"`
}

// End is one way in which attempts failed or connections ended, as uplink.End has it.
type End struct {
	Code      string `json:"code"` // portti explain says more; "": the server closed in order
	CloseCode int    `json:"close_code,omitempty"`
	Dialed    bool   `json:"attempt"` // there was no connection yet
	Count     uint64 `json:"count"`
	Says      string `json:"sentence,omitempty"` // of one of them
}

func (f *fleet) report() Report {
	r := Report{
		Gateways: f.o.Gateways, Connected: f.tally.met, AtEnd: f.tally.online, PerSecond: f.tally.most, AllUpS: f.tally.allUp.Seconds(),
		Readings: f.made(), Proven: f.proven.Load(), Aside: f.aside.Load(),
		ProvenS: time.Duration(f.lastProof.Load()).Seconds(), TookS: time.Since(f.began).Seconds(),
		ProofP50: f.tally.proof.share(50), ProofP99: f.tally.proof.share(99), Ends: []End{},
	}
	r.Unproven = r.Readings - min(r.Readings, r.Proven+r.Aside)
	ends := map[uplink.End]uint64{}
	for _, l := range f.links {
		s := l.Status()
		r.Connects += s.Connects
		r.Resent += s.Resent
		for e, n := range s.Ends {
			ends[e] += n
		}
	}
	delete(ends, uplink.End{}) // by ourselves
	for e, n := range ends {
		r.Ends = append(r.Ends, End{e.Problem, e.Code, e.Dialed, n, f.tally.said[e.Problem]})
	}
	slices.SortFunc(r.Ends, func(a, b End) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code), a.CloseCode-b.CloseCode)
	})
	return r
}

// tally is what was seen of the links, once a second.
type tally struct {
	met    int           // gateways that were connected once
	online int           // when it ended
	times  []uint64      // that each was connected
	allUp  time.Duration // when the last of them came
	most   uint64        // connections from one look to the next
	said   map[string]string
	proof  spread
}

// look takes the status of each link, after so long.
func (t *tally) look(links []*uplink.Link, after time.Duration) (p Progress) {
	began, fresh := time.Now().Add(-after), uint64(0)
	for i, l := range links {
		s, was := l.Status(), t.times[i]
		if s.Connects > 0 && was == 0 {
			t.met++
			at := after
			if s.State == uplink.Online && s.Connects == 1 {
				at = s.Since.Sub(began)
			}
			t.allUp = max(t.allUp, at)
		}
		if s.State == uplink.Online {
			p.Connected++
		}
		fresh += s.Connects - was
		t.times[i] = s.Connects
		p.Failures += s.Failures
		code := s.Problem
		if len(s.Ends) == 1 { // then the last words are of this one
			for e := range s.Ends {
				code = e.Problem
			}
		}
		if s.LastError != "" && t.said[code] == "" {
			t.said[code] = s.LastError
		}
	}
	t.most = max(t.most, fresh)
	return p
}

// spread counts durations by their size, eight steps to a doubling.
type spread struct {
	counts [40 * 8]atomic.Uint64
}

func (s *spread) note(d time.Duration) {
	us := uint64(max(d.Microseconds(), 0)) + 8
	e := bits.Len64(us) - 4
	s.counts[min(e*8+int(us>>e)-8, len(s.counts)-1)].Add(1)
}

// share is within how many milliseconds that many percent were.
func (s *spread) share(percent uint64) float64 {
	var all, sum uint64
	for i := range s.counts {
		all += s.counts[i].Load()
	}
	for i := range s.counts {
		if sum += s.counts[i].Load(); sum > 0 && sum*100 >= all*percent {
			return float64((uint64(i%8)+9)<<(i/8)-8) / 1000
		}
	}
	return 0
}
