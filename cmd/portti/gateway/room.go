package gateway

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"portti/buffer"
)

// unknownFree stands for the free bytes of a disk that did not say.
const unknownFree = -1

// disk knows how much is free where the buffer lies. It is asked aside, at most one
// question at a time: one that hangs holds nobody up.
type disk struct {
	dir   string // "" = nobody is asked
	asked atomic.Bool
	said  atomic.Int64 // bytes and one, so that the zero value knows nothing
	at    time.Time    // when it was last asked
}

// freeEvery is how often the disk is asked.
const freeEvery = 5 * time.Second

// ask asks again where what the disk said is old. One goroutine calls it at a time.
func (d *disk) ask(now time.Time) {
	if d.dir == "" || now.Sub(d.at) < freeEvery || !d.asked.CompareAndSwap(false, true) {
		return
	}
	d.at = now
	go func() {
		d.said.Store(freeOf(d.dir) + 1)
		d.asked.Store(false)
	}()
}

// free is what the disk last said.
func (d *disk) free() int64 { return d.said.Load() - 1 }

// freeOf is the free bytes of a folder's file system.
func freeOf(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return unknownFree
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// roomOf is the bytes that the buffer may still take: up to its limit, and no more than
// the disk gives.
func roomOf(limit, bytes, free, minFree int64, low bool) int64 {
	room := limit - bytes
	if free != unknownFree {
		if !low { // else the limit has min_free_disk in it
			free -= minFree
		}
		room = min(room, free)
	}
	return max(0, room)
}

func roomIn(q buffer.Stats, free int64) int64 {
	return roomOf(q.Limit, q.Bytes, free, q.MinFree, q.DiskLow)
}

// pressure is how full the buffer is, from 0 to 1, where readings begin to be shed. It
// is for drivers that can have their devices send less.
func (g *Gateway) pressure() float64 { return pressureOf(g.queue.Stats(), g.disk.free()) }

func pressureOf(q buffer.Stats, free int64) float64 {
	room := roomOf(q.Soft, q.Bytes, free, q.MinFree, q.DiskLow)
	if room == 0 {
		return 1
	}
	return float64(q.Bytes) / float64(q.Bytes+room)
}
