package fleet

import (
	"math"
	"sort"
	"sync/atomic"
	"time"

	"portti/uplink"
)

// Report is what a run came to, as portti simulate --fleet prints it with --json. Fields
// are only ever added.
type Report struct {
	Gateways  int     `json:"gateways"`
	Connected int     `json:"connected"` // gateways that were at least once
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
	ProofP50  float64 `json:"proof_ms_p50"` // from the sending of a batch to its proof; 0 without any
	ProofP99  float64 `json:"proof_ms_p99"`
	Ends      []End   `json:"ends"`
}

// End is one way in which attempts failed or connections ended, as uplink.End has it.
type End struct {
	Code      string `json:"code"` // portti explain says more; "": the server closed in order
	CloseCode int    `json:"close_code,omitempty"`
	Dialed    bool   `json:"attempt"` // there was no connection yet
	Count     uint64 `json:"count"`
	Says      string `json:"sentence,omitempty"` // of one of them
}

func (f *fleet) report(online int) Report {
	t := &f.tally
	r := Report{
		Gateways: f.o.Gateways, Connected: t.met, AtEnd: online, PerSecond: t.most, AllUpS: t.allUp.Seconds(),
		Readings: f.made(), Proven: f.proven.Load(), Aside: f.aside.Load(),
		ProvenS: time.Duration(f.lastProof.Load()).Seconds(), TookS: time.Since(f.began).Seconds(),
		ProofP50: t.proof.share(0.5), ProofP99: t.proof.share(0.99), Ends: []End{},
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
		r.Ends = append(r.Ends, End{e.Problem, e.Code, e.Dialed, n, t.said[e.Problem]})
	}
	sort.Slice(r.Ends, func(i, j int) bool { return r.Ends[i].Count > r.Ends[j].Count }) // slices.SortFunc would be 8 KB of the program
	return r
}

// tally is what was seen of the links.
type tally struct {
	times []uint64          // that each was connected
	met   int               // gateways that were
	allUp time.Duration     // when the last of them came
	most  uint64            // connections in a second, from one look to the next
	last  time.Time         // look
	said  map[string]string // by problem, what one of them said
	proof spread
}

// look takes the status of each link.
func (f *fleet) look() Progress {
	t, fresh, p := &f.tally, uint64(0), Progress{Proven: f.proven.Load()}
	for i, l := range f.links {
		s := l.Status()
		if s.Connects > 0 && t.times[i] == 0 {
			t.met++
			t.allUp = max(t.allUp, s.Since.Sub(f.began)) // of its state, which is hardly another one yet
		}
		if s.State == uplink.Online {
			p.Connected++
		}
		fresh += s.Connects - t.times[i]
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
	t.most = max(t.most, uint64(float64(fresh)/max(1, time.Since(t.last).Seconds())))
	t.last = time.Now()
	return p
}

// spread counts durations by their size, eight steps to a doubling.
type spread [320]atomic.Uint64

func (s *spread) note(d time.Duration) {
	s[min(int(8*math.Log2(1+float64(d.Microseconds()))), len(s)-1)].Add(1)
}

// share is within how many milliseconds that part was.
func (s *spread) share(part float64) float64 {
	var all, sum uint64
	for i := range s {
		all += s[i].Load()
	}
	for i := range s {
		if sum += s[i].Load(); sum > 0 && float64(sum) >= part*float64(all) {
			return (math.Exp2(float64(i+1)/8) - 1) / 1000
		}
	}
	return 0
}
