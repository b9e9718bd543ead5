package gateway

import (
	"slices"

	"portti/cmd/portti/status"
	"portti/device"
)

// How much is remembered of single devices: 64 of them, with 240 bytes each.
const (
	deviceMinutes = 60
	deviceHours   = 64
)

// deviceHour is how many readings a device gave in each of the last minutes, which end
// where the minutes of the history do.
type deviceHour struct {
	name   string
	read   uint64 // in all, at the last look
	open   uint32 // in the minute that goes on
	ended  int    // minutes that were noted
	points [deviceMinutes]uint32
	seen   bool // at this look
}

// noteDevices counts what the devices gave since the last look, and forgets those that
// are no longer configured. Mostly they come in the order of before, so that none is
// searched for.
func (h *history) noteDevices(now []device.Status) {
	seen := 0
	for i := range now {
		d := &now[i]
		at := i
		if i >= len(h.devices) || h.devices[i].name != d.Name {
			at = slices.IndexFunc(h.devices, func(k deviceHour) bool { return k.name == d.Name })
		}
		if at < 0 {
			if len(h.devices) >= deviceHours {
				continue
			}
			h.devices = append(h.devices, deviceHour{name: d.Name, read: d.Read})
			at = len(h.devices) - 1
		}
		k := &h.devices[at]
		k.open = narrow(uint64(k.open) + d.Read - min(d.Read, k.read))
		k.read, k.seen = d.Read, true
		seen++
	}
	if seen < len(h.devices) {
		h.devices = slices.DeleteFunc(h.devices, func(k deviceHour) bool { return !k.seen })
	}
	for i := range h.devices {
		h.devices[i].seen = false
	}
}

// endMinute begins a new minute of all devices.
func (h *history) endMinute() {
	for i := range h.devices {
		k := &h.devices[i]
		k.points[k.ended%deviceMinutes] = k.open
		k.open = 0
		k.ended++
	}
}

func (h *history) hoursOfDevices() []status.DeviceHour {
	all := make([]status.DeviceHour, len(h.devices))
	for i := range h.devices {
		k := &h.devices[i]
		n := min(k.ended, deviceMinutes)
		all[i] = status.DeviceHour{Name: k.name, In: make([]uint64, n)}
		for j := range n {
			all[i].In[j] = uint64(k.points[(k.ended-n+j)%deviceMinutes])
		}
	}
	return all
}
