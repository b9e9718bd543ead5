package thingsee

import "hash/maphash"

const (
	// pairs is enough for the 4,096 vessels that an AIS receiver is read of, with three
	// messages each, and as many pairs of other things.
	pairs   = 16384 // places in a list of int16 at most
	buckets = 512   // at first; a power of two
	runs    = 4
	none    = -1
)

// Keys keeps (tsmTuid, tsmId, tsmTs) unique, since receivers drop repeats by
// that key. For each of the 16,384 most recently used pairs of tuid and id it
// remembers the last four runs of neighbouring milliseconds given out.
//
// So a time that was given out lately is moved to the next free millisecond;
// every other time is left as it is, also one before the last: after the clock
// stepped back, readings carry what the clock says, and a key that was used
// more than four runs ago, or before a restart, can come again.
//
// The zero value is ready to use. It allocates only while new pairs arrive: 1 KB at
// first, 30 KB for 256 pairs, 1.3 MB and up to 0.3 MB of room to grow for all of
// them. It is not safe for concurrent use.
type Keys struct {
	seed    maphash.Seed
	heads   []int16 // by hash, twice as many as entries or more; none ends a chain
	entries []pair
	newest  int16
	oldest  int16
}

// pair is one entry. Two pairs with the same 64-bit hash would share it, which
// moves times needlessly and does no other harm.
type pair struct {
	hash         uint64
	next         int16 // in the chain of its bucket
	newer, older int16 // by use
	at           uint8 // the run to be replaced next
	used         uint8
	runs         [runs]run
}

type run struct{ first, last int64 }

// Unique gives the first time from ms on, in milliseconds, that was not given
// out lately for the same tuid and id, and remembers it. tuid is not kept.
func (k *Keys) Unique(tuid string, id int, ms int64) int64 {
	return k.pair(tuid, id).unique(ms)
}

func (p *pair) unique(ms int64) int64 {
	for again := true; again; {
		again = false
		for _, r := range p.runs[:p.used] {
			if r.first <= ms && ms <= r.last {
				ms, again = r.last+1, true
			}
		}
	}
	for i := range p.runs[:p.used] {
		if p.runs[i].last == ms-1 {
			p.runs[i].last = ms
			return ms
		}
	}
	p.runs[p.at] = run{ms, ms}
	p.at = (p.at + 1) % runs
	p.used = min(p.used+1, runs)
	return ms
}

// pair finds or makes the entry and marks it as the one used last.
func (k *Keys) pair(tuid string, id int) *pair {
	if k.heads == nil {
		k.start()
	}
	hash := maphash.String(k.seed, tuid) ^ uint64(id)*0x9e3779b97f4a7c15
	for i := *k.head(hash); i != none; i = k.entries[i].next {
		if k.entries[i].hash == hash {
			k.unlink(i)
			k.link(i)
			return &k.entries[i]
		}
	}
	i := k.free()
	head := k.head(hash)
	k.entries[i] = pair{hash: hash, next: *head}
	*head = i
	k.link(i)
	return &k.entries[i]
}

func (k *Keys) head(hash uint64) *int16 { return &k.heads[hash&uint64(len(k.heads)-1)] }

func (k *Keys) start() {
	k.seed = maphash.MakeSeed()
	k.newest, k.oldest = none, none
	k.spread(buckets)
}

// spread hashes all entries anew.
func (k *Keys) spread(size int) {
	k.heads = make([]int16, size)
	for i := range k.heads {
		k.heads[i] = none
	}
	for i := range k.entries {
		p := &k.entries[i]
		head := k.head(p.hash)
		p.next, *head = *head, int16(i)
	}
}

// free gives an entry that is in no list: a new one, or the one unused for longest.
func (k *Keys) free() int16 {
	if len(k.entries) < pairs {
		if 2*len(k.entries) == len(k.heads) {
			k.spread(2 * len(k.heads))
		}
		k.entries = append(k.entries, pair{})
		return int16(len(k.entries) - 1)
	}
	i := k.oldest
	k.unlink(i)
	at := k.head(k.entries[i].hash)
	for *at != i {
		at = &k.entries[*at].next
	}
	*at = k.entries[i].next
	return i
}

func (k *Keys) link(i int16) {
	p := &k.entries[i]
	p.newer, p.older = none, k.newest
	if k.newest != none {
		k.entries[k.newest].newer = i
	} else {
		k.oldest = i
	}
	k.newest = i
}

func (k *Keys) unlink(i int16) {
	p := &k.entries[i]
	if p.newer != none {
		k.entries[p.newer].older = p.older
	} else {
		k.newest = p.older
	}
	if p.older != none {
		k.entries[p.older].newer = p.newer
	} else {
		k.oldest = p.newer
	}
}
