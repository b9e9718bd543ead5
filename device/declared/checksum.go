package declared

import "strings"

// sum is a kind of checksum.
type sum struct {
	size   int // bytes
	little bool
	of     func(b []byte) uint16
}

// sums are the kinds by name. Of a CRC the parameters are as the catalogue of
// parametrised CRC algorithms has them (reveng.sourceforge.io/crc-catalogue).
func sums() map[string]sum {
	return map[string]sum{
		"sum8":          {1, false, func(b []byte) uint16 { return add(b) & 0xFF }},
		"sum8-negated":  {1, false, func(b []byte) uint16 { return -add(b) & 0xFF }},
		"sum8-inverted": {1, false, func(b []byte) uint16 { return ^add(b) & 0xFF }},
		"sum16":         {2, false, add},
		"xor8":          {1, false, xor},
		"crc8":          {1, false, func(b []byte) uint16 { return crc(b, 8, 0x07, 0) }},
		"crc8-nrsc5":    {1, false, func(b []byte) uint16 { return crc(b, 8, 0x31, 0xFF) }},
		"crc16-ccitt":   {2, false, func(b []byte) uint16 { return crc(b, 16, 0x1021, 0xFFFF) }},
		"crc16-xmodem":  {2, false, func(b []byte) uint16 { return crc(b, 16, 0x1021, 0) }},
		"crc16-modbus":  {2, true, func(b []byte) uint16 { return reflected(b, 0xA001, 0xFFFF) }},
		"crc16-arc":     {2, true, func(b []byte) uint16 { return reflected(b, 0xA001, 0) }},
	}
}

// Checksums are the names of the kinds of checksum, as a text lists them.
const Checksums = "sum8, sum8-negated, sum8-inverted, sum16, xor8, crc8, crc8-nrsc5, crc16-ccitt, crc16-xmodem, crc16-modbus or crc16-arc"

func add(b []byte) (n uint16) {
	for _, c := range b {
		n += uint16(c)
	}
	return n
}

func xor(b []byte) (n uint16) {
	for _, c := range b {
		n ^= uint16(c)
	}
	return n
}

// crc works from the highest bit on.
func crc(b []byte, width int, poly, n uint16) uint16 {
	top := uint16(1) << (width - 1)
	for _, c := range b {
		n ^= uint16(c) << (width - 8)
		for range 8 {
			carry := n&top != 0
			if n <<= 1; carry {
				n ^= poly
			}
		}
	}
	return n & (top<<1 - 1)
}

// reflected works from the lowest bit on; poly is reflected as well.
func reflected(b []byte, poly, n uint16) uint16 {
	for _, c := range b {
		n ^= uint16(c)
		for range 8 {
			carry := n&1 != 0
			if n >>= 1; carry {
				n ^= poly
			}
		}
	}
	return n
}

// checksum compiles how a frame is checked.
func (c *compiler) checksum(f *Format) {
	d := c.d
	if d.Frame == block {
		if d.Checksum+d.ChecksumOrder+d.ChecksumMark != "" || d.ChecksumAt != 0 || d.ChecksumFrom != 0 || d.ChecksumTo != 0 {
			c.bad("checksum", "of a block is known: leave the keys out that begin so")
		}
		return
	}
	kind := d.Checksum
	if kind == "" && d.Frame == telegram {
		kind = "crc16-arc"
	}
	var ok bool
	if f.sum, ok = sums()[kind]; !ok && kind != "" {
		c.bad("checksum", "must be %s", Checksums)
		return
	}
	f.at, f.from, f.to = d.ChecksumAt, d.ChecksumFrom, d.ChecksumTo
	if kind == "" && (d.ChecksumAt != 0 || d.ChecksumFrom != 0 || d.ChecksumTo != 0 || d.ChecksumOrder+d.ChecksumMark != "") {
		c.bad("checksum", "must be set where a key is that says more of it: %s", Checksums)
		return
	}
	if f.at == 0 {
		f.at = -f.sum.size - len(f.end)
	}
	switch d.ChecksumOrder {
	case "":
	case "be", "le":
		f.sum.little = d.ChecksumOrder == "le"
	default:
		c.bad("checksum_order", `must be "be" (high byte first) or "le"`)
	}
	if f.from < 0 {
		c.bad("checksum_from", "must be from 0")
	}
	if d.Frame == fixed && ok {
		if at := inside(f.at, f.most); at < 0 || at+f.sum.size > f.most {
			c.bad("checksum_at", "is outside of the frame's %d bytes", f.most)
		} else if to := f.reach(at, f.most); to <= f.from || to > f.most {
			c.bad("checksum_to", "must be behind checksum_from and inside of the frame")
		}
	}
	c.textSum(f)
}

// textSum compiles how the digits of a text's checksum are found.
func (c *compiler) textSum(f *Format) {
	d := c.d
	if f.binary {
		if d.ChecksumMark != "" {
			c.bad("checksum_mark", "is for lines")
		}
		return
	}
	if d.ChecksumAt != 0 || d.ChecksumTo != 0 || d.Frame == telegram && d.ChecksumMark != "" {
		c.bad("checksum_at", "is for fixed and length frames, and checksum_to and checksum_mark: a text's digits stand at its end")
	}
	if f.mark = []byte(d.ChecksumMark); len(f.mark) == 0 && f.sum.of != nil {
		f.mark = []byte("*")
	}
	if strings.ContainsAny(d.ChecksumMark, "\r\n") || len(d.ChecksumMark) > 8 {
		c.bad("checksum_mark", "must be up to 8 characters")
	}
}

// inside is a place counted from the beginning.
func inside(at, size int) int {
	if at < 0 {
		return size + at
	}
	return at
}

// reach is where the bytes end that the checksum, which stands at at, is made of.
func (f *Format) reach(at, size int) int {
	if f.to == 0 {
		return at
	}
	return inside(f.to, size)
}

// sound says whether a binary frame's end and checksum are right.
func (f *Format) sound(frame []byte) bool {
	size := len(frame)
	if size < len(f.start)+len(f.end) || string(frame[size-len(f.end):]) != string(f.end) {
		return false
	}
	if f.sum.of == nil {
		return true
	}
	at := inside(f.at, size)
	if at < 0 || at+f.sum.size > size {
		return false
	}
	to := f.reach(at, size)
	if f.from >= to || to > size {
		return false
	}
	var have uint16
	for i := range f.sum.size {
		if f.sum.little {
			have |= uint16(frame[at+i]) << (8 * i)
		} else {
			have = have<<8 | uint16(frame[at+i])
		}
	}
	return f.sum.of(frame[f.from:to]) == have
}

// digits says whether text is the hexadecimal digits of the checksum of b.
func (f *Format) digits(b, text []byte) bool {
	if len(text) != 2*f.sum.size || f.from > len(b) {
		return false
	}
	var have uint16
	for _, c := range text {
		d := hexDigit(c)
		if d < 0 {
			return false
		}
		have = have<<4 | uint16(d)
	}
	return f.sum.of(b[f.from:]) == have
}
