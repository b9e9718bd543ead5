package device

import (
	"fmt"

	"portti/device/adv"
)

const (
	// bleHeard is how many tags are remembered; the one unheard for longest
	// makes room. Forgetting costs one repeat at most.
	bleHeard = 512
	// bleRepeat is how long equal data of a tag without sequence number says
	// nothing new, in milliseconds: a little more than the slowest tags take
	// from one advertisement to the next.
	bleRepeat = 10_000
)

// bleTable holds the tags heard last. A search is a walk: 512 short compares
// are 0.3 µs, and lines come a hundred a second.
type bleTable struct {
	tags  []bleTag
	clock uint64 // counts searches
}

type bleTag struct {
	address  bleAddress
	tuid     string
	used     uint64
	spoke    bool // something was made of it, as follows
	sequence adv.Value
	sum      uint64
	at       int64
}

// find gives the entry of an address; a fresh one is empty.
func (t *bleTable) find(a bleAddress) (tag *bleTag, fresh bool) {
	t.clock++
	oldest := 0
	for i := range t.tags {
		if t.tags[i].address == a {
			t.tags[i].used = t.clock
			return &t.tags[i], false
		}
		if t.tags[i].used < t.tags[oldest].used {
			oldest = i
		}
	}
	if len(t.tags) < bleHeard {
		oldest = len(t.tags)
		t.tags = append(t.tags, bleTag{})
	}
	t.tags[oldest] = bleTag{address: a, used: t.clock}
	return &t.tags[oldest], true
}

func (t *bleTable) detail() string {
	switch n := len(t.tags); n {
	case 1:
		return "1 tag heard"
	case bleHeard:
		return fmt.Sprintf("%d tags heard, or more", n)
	default:
		return fmt.Sprintf("%d tags heard", n)
	}
}

// repeats says whether the tag has said this before, and notes it if not.
func (t *bleTag) repeats(v *bleValues, ad *bleAdvert, now int64) bool {
	sum := uint64(0)
	same := v.sequence == t.sequence
	if !v.sequence.Known {
		sum = v.sum(ad)
		same = sum == t.sum && now-t.at < bleRepeat
	}
	if t.spoke && same {
		return true
	}
	t.spoke, t.sequence, t.sum, t.at = true, v.sequence, sum, now
	return false
}

// sum is FNV-1a over all that an advertisement says about its sender.
func (v *bleValues) sum(ad *bleAdvert) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for _, part := range [...][]byte{ad.raw, ad.maker, ad.service} {
		for _, c := range part {
			h = (h ^ uint64(c)) * prime
		}
		h = (h ^ 0x100) * prime
	}
	for _, v := range v.all() {
		h = (h ^ uint64(v.Mantissa)) * prime
		h = (h ^ uint64(v.Decimals)) * prime
		if v.Known {
			h = (h ^ 1) * prime
		}
	}
	return h
}

func (v *bleValues) all() [13]adv.Value {
	return [...]adv.Value{v.temp, v.humd, v.airp, v.lght, v.accX, v.accY, v.accZ, v.batl, v.co2, v.voltage, v.txPower, v.movement, v.sequence}
}

func (v *bleValues) any() bool {
	for _, v := range v.all() {
		if v.Known {
			return true
		}
	}
	return false
}
