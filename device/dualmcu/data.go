package dualmcu

import (
	"encoding/binary"
	"math"
)

// TicksPerSecond is what a travel time is counted in.
const TicksPerSecond = 128

// Data is what a node sent through the mesh: a packet, or a fragment of one.
type Data struct {
	Source, Destination uint32
	SourceEnd, DestEnd  byte   // endpoints
	Urgent              bool   // of the higher of two priorities
	Hops                byte   // number of hops
	Travel              uint32 // in 1/128 s, from the node's application to here, with the wait in the sink
	Fragment, Last      bool   // Last: no fragment lies behind this one
	Packet, Offset      uint16 // of a fragment: of which packet of Source, and where in it
	APDU                []byte // what the node's application sent
}

// TravelMS is the travel time in milliseconds.
func (d Data) TravelMS() int64 { return int64(d.Travel) * 1000 / TicksPerSecond }

// MaxPacket is the longest packet that fragments can make.
const MaxPacket = 1500

const travelAt = 12

// TravelAt is where the four bytes of the travel time are in the payload of a DataRX or
// DataRXFragment indication: all that differs, but for Pending, where a sink sends one
// again.
func (f Frame) TravelAt() (at int, ok bool) {
	return travelAt, (f.Primitive == DataRX || f.Primitive == DataRXFragment) && len(f.Payload) >= travelAt+4
}

// ParseData reads a DataRX or DataRXFragment indication. APDU is part of the frame's
// payload.
func ParseData(f Frame) (d Data, ok bool) {
	p, at := f.Payload, 16
	if f.Primitive == DataRXFragment {
		at = 20
	}
	if _, data := f.TravelAt(); !data || len(p) < at+1 || len(p) != at+1+int(p[at]) {
		return d, false
	}
	d = Data{
		Source: binary.LittleEndian.Uint32(p[1:]), SourceEnd: p[5],
		Destination: binary.LittleEndian.Uint32(p[6:]), DestEnd: p[10],
		Urgent: p[11]&1 != 0, Hops: p[11] >> 2, Travel: binary.LittleEndian.Uint32(p[travelAt:]),
		APDU: p[at+1:],
	}
	if f.Primitive == DataRXFragment {
		offset := binary.LittleEndian.Uint16(p[18:])
		d.Fragment, d.Packet, d.Offset, d.Last = true, binary.LittleEndian.Uint16(p[16:])&0x0FFF, offset&0x0FFF, offset&0x8000 != 0
		if int(d.Offset)+len(d.APDU) > MaxPacket {
			return d, false
		}
	}
	return d, true
}

const (
	// packetsAtOnce is how many packets are put together at a time; the one without a
	// fragment for longest makes room. A node sends one packet after the other.
	packetsAtOnce = 8
	// packetLife is how long after its last fragment a packet is given up, in
	// milliseconds: a mesh of many hops delays a fragment by some seconds.
	packetLife = 60_000
)

// Packets puts fragments together. They may come in any order and repeatedly. The zero
// value is ready, of 14 kB.
type Packets struct {
	open [packetsAtOnce]packet
	lost int
}

type packet struct {
	used   bool
	source uint32
	id     uint16
	size   int   // known with the last fragment, else 0
	have   int   // bytes that have come
	top    int   // the end of the farthest of them
	heard  int64 // the last fragment
	born   int64 // when the oldest was sent
	bytes  [MaxPacket]byte
	got    [(MaxPacket + 7) / 8]byte // a bit for each byte
}

// Add takes a fragment that came at now, in milliseconds that never step. Where the
// packet is whole with it, it gives the packet, whose Travel is that of the fragment
// longest under way and whose APDU is good until the next Add.
func (p *Packets) Add(d Data, now int64) (whole Data, ok bool) {
	p.Expire(now)
	if int(d.Offset)+len(d.APDU) > MaxPacket { // ParseData gives none of these
		p.lost++
		return Data{}, false
	}
	k := p.find(d, now)
	if !k.fits(d) {
		// Another packet under the same number: numbers come again after 4,096.
		p.lost++
		k.begin(d, now)
	}
	k.heard, k.born = now, min(k.born, now-d.TravelMS())
	k.put(d)
	if k.size == 0 || k.have < k.size {
		return Data{}, false
	}
	k.used = false
	whole = d
	whole.Fragment, whole.Last, whole.Offset = false, false, 0
	whole.Travel = uint32(min(max(0, now-k.born)*TicksPerSecond/1000, math.MaxUint32))
	whole.APDU = k.bytes[:k.size]
	return whole, true
}

// Expire gives up what has had no fragment for too long.
func (p *Packets) Expire(now int64) {
	for i := range p.open {
		if k := &p.open[i]; k.used && now-k.heard > packetLife {
			k.used = false
			p.lost++
		}
	}
}

// Lost is how many packets were given up, each told once.
func (p *Packets) Lost() (n int) {
	n, p.lost = p.lost, 0
	return n
}

func (p *Packets) find(d Data, now int64) *packet {
	free := &p.open[0]
	for i := range p.open {
		k := &p.open[i]
		if k.used && k.source == d.Source && k.id == d.Packet {
			return k
		}
		if free.used && (!k.used || k.heard < free.heard) {
			free = k
		}
	}
	if free.used {
		p.lost++
	}
	free.begin(d, now)
	return free
}

func (k *packet) begin(d Data, now int64) {
	k.used, k.source, k.id, k.size, k.have, k.top, k.born = true, d.Source, d.Packet, 0, 0, 0, now
	clear(k.got[:])
}

func (k *packet) has(i int) bool { return k.got[i/8]&(1<<(i%8)) != 0 }

// fits says whether a fragment can be of this packet: it contradicts nothing that has
// come.
func (k *packet) fits(d Data) bool {
	until := int(d.Offset) + len(d.APDU)
	if k.size > 0 && (until > k.size || d.Last && until != k.size) || d.Last && until < k.top {
		return false
	}
	for i, c := range d.APDU {
		if at := int(d.Offset) + i; k.has(at) && k.bytes[at] != c {
			return false
		}
	}
	return true
}

func (k *packet) put(d Data) {
	for i, c := range d.APDU {
		at := int(d.Offset) + i
		if !k.has(at) {
			k.have++
		}
		k.got[at/8] |= 1 << (at % 8)
		k.bytes[at] = c
	}
	until := int(d.Offset) + len(d.APDU)
	k.top = max(k.top, until)
	if d.Last {
		k.size = until
	}
}
