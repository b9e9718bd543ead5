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

// heartbeats follows which devices were heard, slot by slot, as the heartbeats of
// the gateway profile tell it. A device was heard in a slot when readings came,
// or when it is within its own time of silence at the slot's end, so that one
// that speaks once an hour by design is not told as lost.
type heartbeats struct {
	tuids map[string]string // by device name; only those that have one
	slots int               // that have passed
	read  map[string]uint64
	bits  map[string]uint64
	lost  map[string]bool // and that was told
}

func newHeartbeats(tuids map[string]string) heartbeats {
	return heartbeats{tuids: tuids, read: map[string]uint64{}, bits: map[string]uint64{}, lost: map[string]bool{}}
}

// follow takes other devices: what was heard of one that is not there any more is
// forgotten.
func (h *heartbeats) follow(tuids map[string]string) {
	for name, tuid := range h.tuids {
		if tuids[name] != tuid {
			delete(h.read, name)
			delete(h.bits, name)
			delete(h.lost, name)
		}
	}
	h.tuids = tuids
}

// endSlot ends a slot and gives what has to be sent at once.
func (h *heartbeats) endSlot(devices []status.Device, slot time.Duration) (due []thingsee.Message) {
	h.slots++
	for _, d := range devices {
		tuid, ok := h.tuids[d.Name]
		if !ok {
			continue
		}
		heard := d.State == status.DeviceOK || d.Read > h.read[d.Name]
		h.read[d.Name] = d.Read
		h.bits[d.Name] = (h.bits[d.Name]<<1 | uint64(b2i(heard))) & (1<<slotsKept - 1)
		switch {
		case heard && h.lost[d.Name]:
			due = append(due, heartbeat(tuid, slot, 1, 1))
			h.lost[d.Name] = false
		case !h.lost[d.Name] && h.slots >= slotsMissed && h.bits[d.Name]&(1<<slotsMissed-1) == 0:
			due = append(due, heartbeat(tuid, slot, slotsMissed, 0))
			h.lost[d.Name] = true
		}
	}
	return due
}

// heartbeat is a 11201, of one device.
func heartbeat(tuid string, slot time.Duration, count, bits int64) (m thingsee.Message) {
	m.Reset(thingsee.HeartbeatChange, thingsee.EventTimed)
	m.Text("tuid", []byte(tuid))
	seconds(&m, "slotInterval", slot)
	m.Int("slotBitCount", count)
	m.Int("slotBits", bits)
	return m
}

// summary makes a 11200 of all devices; false = there is nothing to tell yet.
func (h *heartbeats) summary(m *thingsee.Message, event int, devices []status.Device, slot time.Duration) bool {
	var list []thingsee.Heartbeat
	for _, d := range devices {
		if tuid, ok := h.tuids[d.Name]; ok {
			list = append(list, thingsee.Heartbeat{Tuid: tuid, Bits: h.bits[d.Name]})
		}
	}
	if h.slots == 0 || len(list) == 0 {
		return false
	}
	m.Reset(thingsee.HeartbeatSummary, event)
	seconds(m, "slotInterval", slot)
	m.Int("slotBitCount", int64(min(h.slots, slotsKept)))
	return m.Heartbeats(list)
}
