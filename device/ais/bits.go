package ais

// MaxBits is the longest message there is: five slots of the radio channel.
const MaxBits = 1064

// payload is the bits of a message, the first one highest.
type payload struct {
	bytes [MaxBits / 8]byte
	n     int // bits
}

// sixBit gives the value of a character of the armour.
func sixBit(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= 'W':
		return c - '0', true
	case '`' <= c && c <= 'w':
		return c - '`' + 40, true
	}
	return 0, false
}

// add takes the characters of one sentence, of whose last one fill bits are to be
// left out.
func (p *payload) add(armour []byte, fill int) Fault {
	if p.n+6*len(armour)-fill > MaxBits {
		return TooLong
	}
	if len(armour) == 0 {
		return Malformed
	}
	for i, c := range armour {
		v, ok := sixBit(c)
		if !ok {
			return Malformed
		}
		n := 6
		if i == len(armour)-1 {
			n -= fill
			v >>= fill
		}
		p.put(v, n)
	}
	return 0
}

// put appends the low n bits of v, six at most.
func (p *payload) put(v byte, n int) {
	at, free := p.n/8, 8-p.n%8
	w := uint16(v) << (16 - n) >> (8 - free)
	if free == 8 {
		p.bytes[at] = 0 // left from a message before
	}
	p.bytes[at] |= byte(w >> 8)
	if n > free {
		p.bytes[at+1] = byte(w)
	}
	p.n += n
}

// unsigned reads up to 30 bits that must be there.
func (p *payload) unsigned(at, bits int) uint32 {
	var v uint64
	first, last := at/8, (at+bits-1)/8
	for _, b := range p.bytes[first : last+1] {
		v = v<<8 | uint64(b)
	}
	v >>= 8*(last+1) - at - bits
	return uint32(v) & (1<<bits - 1)
}

// signed is the same in two's complement.
func (p *payload) signed(at, bits int) int32 {
	return int32(p.unsigned(at, bits)<<(32-bits)) >> (32 - bits)
}

// text appends characters of six bits, up to the first '@'.
func (p *payload) text(dst []byte, at, bits int) []byte {
	for bits = min(bits, p.n-at); bits >= 6; at, bits = at+6, bits-6 {
		c := byte(p.unsigned(at, 6))
		if c == 0 {
			break
		}
		if c < 32 {
			c += 64
		}
		dst = append(dst, c)
	}
	return dst
}
