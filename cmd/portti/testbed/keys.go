package testbed

import (
	"hash/maphash"
	"sync/atomic"
)

// keys remembers which messages came before, by a 64-bit hash of tsmTuid,
// tsmId and tsmTs. It holds two halves: when the newer one is full the older
// one is forgotten, so between limit/2 and limit keys are known at any time.
// Two keys of a million that share a hash are expected once in 37 million runs.
type keys struct {
	half       int
	now, older map[uint64]uint32 // hash of the key -> hash of the message
	forgot     atomic.Bool       // read from elsewhere
	seed       maphash.Seed
}

func newKeys(limit int) *keys {
	return &keys{half: max(1, limit/2), now: make(map[uint64]uint32), seed: maphash.MakeSeed()}
}

// see says whether the key of e came before, and if so whether the message was
// a different one.
func (k *keys) see(e element) (repeat, changed bool) {
	var h maphash.Hash
	h.SetSeed(k.seed)
	for _, part := range [][]byte{e.tuid, e.id, e.ts} {
		h.Write(part)
		h.WriteByte(0)
	}
	key := h.Sum64()
	body := uint32(maphash.Bytes(k.seed, e.raw))
	first, repeat := k.now[key]
	if !repeat {
		first, repeat = k.older[key]
	}
	if repeat {
		return true, first != body
	}
	if len(k.now) >= k.half {
		if k.older != nil {
			k.forgot.Store(true)
		}
		k.older, k.now = k.now, make(map[uint64]uint32)
	}
	k.now[key] = body
	return false, false
}
