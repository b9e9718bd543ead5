package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Why a reading can be lost.
const (
	LossFull     = "full"     // the buffer was full
	LossAge      = "age"      // older than max_age
	LossRate     = "rate"     // faster than rate_limit
	LossMemory   = "memory"   // the disk was too slow and memory was full
	LossIO       = "io"       // the disk failed
	LossCorrupt  = "corrupt"  // the file was damaged
	LossRollback = "rollback" // the buffer was set back to an older state
	LossShrink   = "shrink"   // max_size was lowered
)

// LossReasons lists why a reading can be lost. Losses always shows them all,
// so that a missing reason never has to be read as zero.
func LossReasons() []string {
	return []string{LossFull, LossAge, LossRate, LossMemory, LossIO, LossCorrupt, LossRollback, LossShrink}
}

// Losses counts lost readings by reason.
type Losses map[string]uint64

// MarshalJSON writes every known reason, with 0 where nothing was lost.
func (l Losses) MarshalJSON() ([]byte, error) {
	all := make(map[string]uint64, len(LossReasons()))
	for _, r := range LossReasons() {
		all[r] = 0
	}
	maps.Copy(all, l)
	return json.Marshal(all)
}

// Reasons lists the known reasons, and then those that only a newer gateway
// knows and that occur in l.
func (l Losses) Reasons() []string {
	all := LossReasons()
	for _, r := range slices.Sorted(maps.Keys(l)) {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// Sum is everything lost.
func (l Losses) Sum() uint64 {
	var n uint64
	for _, v := range l {
		n += v
	}
	return n
}

// Ledger accounts for every reading. At any moment
//
//	read = acked + sum(lost) + waiting + quarantined
//
// in total and for each device.
type Ledger struct {
	Read        uint64 `json:"read"`
	Acked       uint64 `json:"acked"`
	Waiting     uint64 `json:"waiting"`
	Quarantined uint64 `json:"quarantined"`
	Lost        Losses `json:"lost"`
}

// Check says what does not add up.
func (l Ledger) Check() error {
	if sum := l.Acked + l.Lost.Sum() + l.Waiting + l.Quarantined; sum != l.Read {
		return fmt.Errorf("read %d, but acked %d + lost %d + waiting %d + quarantined %d = %d",
			l.Read, l.Acked, l.Lost.Sum(), l.Waiting, l.Quarantined, sum)
	}
	return nil
}

// CheckLedger holds the document against the promise that no reading vanishes
// without an account: the books balance in total and for each device, devices
// never have more than the total (one that left the configuration still has
// its share there), and the two places that say what waits agree.
//
// It is good for a document taken at one moment, which the daemon's are.
func (s *Document) CheckLedger() error {
	var all []error
	fail := func(who string, err error) {
		if err != nil {
			all = append(all, fmt.Errorf("ledger of %s: %w", who, err))
		}
	}
	fail("the gateway", s.Totals.Check())
	sum := Ledger{Lost: Losses{}}
	for _, d := range s.Devices {
		fail("device "+d.Name, d.Ledger.Check())
		sum.Read += d.Ledger.Read
		sum.Acked += d.Ledger.Acked
		sum.Waiting += d.Ledger.Waiting
		sum.Quarantined += d.Ledger.Quarantined
		for r, n := range d.Ledger.Lost {
			sum.Lost[r] += n
		}
	}
	over := func(what string, devices, total uint64) {
		if devices > total {
			fail("the gateway", fmt.Errorf("devices have %s %d together, the total is %d", what, devices, total))
		}
	}
	over("read", sum.Read, s.Totals.Read)
	over("acked", sum.Acked, s.Totals.Acked)
	over("waiting", sum.Waiting, s.Totals.Waiting)
	over("quarantined", sum.Quarantined, s.Totals.Quarantined)
	for r, n := range sum.Lost {
		over("lost ("+r+")", n, s.Totals.Lost[r])
	}
	if s.Buffer.Waiting != s.Totals.Waiting {
		fail("the gateway", fmt.Errorf("the buffer has %d waiting, the totals %d", s.Buffer.Waiting, s.Totals.Waiting))
	}
	if m := s.Buffer.WaitingMemory + s.Buffer.WaitingDisk; m != s.Buffer.Waiting {
		fail("the gateway", fmt.Errorf("waiting %d, but %d in memory and on disk", s.Buffer.Waiting, m))
	}
	return errors.Join(all...)
}
