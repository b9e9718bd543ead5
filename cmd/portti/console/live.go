package console

import "portti/cmd/portti/status"

// The marks of a device for a face that draws by itself.
const (
	MarkGood   = "good"
	MarkUnsure = "unsure"
	MarkWarn   = "warn"
	MarkBad    = "bad"
)

// DeviceState is the mark of a device and what its last column says.
func DeviceState(dev status.Device) (mark, words string) {
	var d drawing
	s, words := d.deviceState(dev)
	return [...]string{good: MarkGood, unsure: MarkUnsure, warn: MarkWarn, bad: MarkBad}[s], words
}
