package chrony

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
)

// magic tells chronyd that a datagram is a sample.
const magic = 0x534f434b

// Sample is one measurement: when the machine's clock showed At, the true time was
// Ahead of it.
type Sample struct {
	At    time.Time
	Ahead time.Duration // nearly 300 years at most
}

// Sizes lists the bits of the time_t's that a chronyd on this machine may have been
// built with.
func Sizes() []int {
	if strconv.IntSize == 32 {
		return []int{32, 64}
	}
	return []int{64}
}

// Append adds the datagram for a chronyd with a time_t of so many bits, 32 or 64.
func (s Sample) Append(b []byte, bits int) []byte {
	order := binary.NativeEndian
	micros := s.At.UnixMicro()
	second, micro := micros/1e6, micros%1e6
	if micro < 0 {
		second, micro = second-1, micro+1e6
	}
	if bits == 32 {
		b = order.AppendUint32(b, uint32(second))
		b = order.AppendUint32(b, uint32(micro))
	} else {
		b = order.AppendUint64(b, uint64(second))
		b = order.AppendUint64(b, uint64(micro))
	}
	b = order.AppendUint64(b, math.Float64bits(s.Ahead.Seconds()))
	b = append(b, make([]byte, 12)...) // pulse, leap, padding
	return order.AppendUint32(b, magic)
}
