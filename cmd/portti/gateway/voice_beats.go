package gateway

import (
	"time"

	"portti/cmd/portti/status"
	"portti/device/thingsee"
)

// slotsKept is how many slots a heartbeat tells of: two reports' worth, so that
// one that was thinned away leaves no gap.
const slotsKept = 10

// slotsMissed is how many slots in a row a device is unheard before that is
// told at once.
const slotsMissed = 3

// beats follows which devices were heard, slot by slot, as the heartbeats of
// the gateway profile tell it. A device was heard in a slot when readings came,
// or when it is within its own time of silence at the slot's end, so that one
// that speaks once an hour by design is not told as lost.
type beats struct {
	tuids map[string]string // by device name; only those that have one
	slots int               // that have passed
	read  map[string]uint64
	bits  map[string]uint64
	lost  map[string]bool // and that was told
}

func newBeats(tuids map[string]string) beats {
	return beats{tuids: tuids, read: map[string]uint64{}, bits: map[string]uint64{}, lost: map[string]bool{}}
}

// pass ends a slot and gives what has to be told at once.
func (b *beats) pass(devices []status.Device, slot time.Duration) (tell []thingsee.Message) {
	b.slots++
	for _, d := range devices {
		tuid, ok := b.tuids[d.Name]
		if !ok {
			continue
		}
		heard := d.State == status.DeviceOK || d.Read > b.read[d.Name]
		b.read[d.Name] = d.Read
		b.bits[d.Name] = (b.bits[d.Name]<<1 | uint64(b2i(heard))) & (1<<slotsKept - 1)
		switch {
		case heard && b.lost[d.Name]:
			tell = append(tell, heartbeat(tuid, slot, 1, 1))
			b.lost[d.Name] = false
		case !b.lost[d.Name] && b.slots >= slotsMissed && b.bits[d.Name]&(1<<slotsMissed-1) == 0:
			tell = append(tell, heartbeat(tuid, slot, slotsMissed, 0))
			b.lost[d.Name] = true
		}
	}
	return tell
}

// heartbeat is a 11201, of one device.
func heartbeat(tuid string, slot time.Duration, count, bits int64) (m thingsee.Message) {
	m.Reset(idHeartbeat, evTimed)
	m.Text("tuid", []byte(tuid))
	seconds(&m, "slotInterval", slot)
	m.Int("slotBitCount", count)
	m.Int("slotBits", bits)
	return m
}

// summary makes a 11200 of all devices; false = there is nothing to tell yet.
func (b *beats) summary(m *thingsee.Message, event int, devices []status.Device, slot time.Duration) bool {
	var list []thingsee.Heartbeat
	for _, d := range devices {
		if tuid, ok := b.tuids[d.Name]; ok {
			list = append(list, thingsee.Heartbeat{Tuid: tuid, Bits: b.bits[d.Name]})
		}
	}
	if b.slots == 0 || len(list) == 0 {
		return false
	}
	m.Reset(idHeartbeats, event)
	seconds(m, "slotInterval", slot)
	m.Int("slotBitCount", int64(min(b.slots, slotsKept)))
	return m.Heartbeats(list)
}
