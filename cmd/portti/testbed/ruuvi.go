package testbed

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"time"
)

// advertEvery is how often a Ruuvi tag advertises.
const advertEvery = 1285 * time.Millisecond

// tag is one Ruuvi tag somewhere about the house.
type tag struct {
	mac      [6]byte
	temp     float64 // C, at the middle of its swings
	swing    float64 // C
	humidity float64 // %
	pressure float64 // Pa
	volt     float64
	rssi     float64 // dBm
	moves    bool    // somebody opens the door
	noise    noise
	next     time.Time
	count    uint32 // adverts so far
	moved    uint8
}

// advert is what the bridge hears of a tag once.
type advert struct {
	data  []byte // company id and data format 5, 26 bytes
	rssi  int
	count uint32
}

// threeTags are the demo's: in the sauna, in the fridge and in the yard.
func threeTags(seed uint64) []tag {
	tags := []tag{
		{mac: [6]byte{0xD1, 0x5A, 0x0E, 0x21, 0x7C, 0x01}, temp: 62, swing: 18, humidity: 24, pressure: 100890, volt: 2.91, rssi: -71},
		{mac: [6]byte{0xE4, 0x07, 0x93, 0xB8, 0x5F, 0x02}, temp: 4.6, swing: 0.9, humidity: 61, pressure: 100905, volt: 2.78, rssi: -58, moves: true},
		{mac: [6]byte{0xC8, 0x36, 0xD4, 0x1B, 0xA2, 0x03}, temp: -6.5, swing: 3, humidity: 84, pressure: 100920, volt: 2.64, rssi: -83},
	}
	for i := range tags {
		tags[i].noise = noise{mix(seed + uint64(i))}
	}
	return tags
}

// address is the tag's as people write it, such as D1:5A:0E:21:7C:01.
func (t *tag) address() string {
	h := t.plain()
	return strings.Join([]string{h[0:2], h[2:4], h[4:6], h[6:8], h[8:10], h[10:12]}, ":")
}

// plain is the address without colons.
func (t *tag) plain() string { return strings.ToUpper(hex.EncodeToString(t.mac[:])) }

// advert is the tag's at the given time. It measures for every second one.
func (t *tag) advert(at time.Time) advert {
	n := t.noise
	measured := at
	if t.count%2 == 1 {
		measured = at.Add(-advertEvery)
	} else if t.moves && n.point(int64(t.count), 9) > 0.7 {
		t.moved++
	}
	m := DF5{
		Temp:     t.temp + t.swing*n.at(measured, 4*time.Minute, 1),
		Humidity: t.humidity + 4*n.at(measured, 6*time.Minute, 2),
		Pressure: t.pressure + 40*n.at(measured, time.Hour, 3),
		AccX:     int16(14 + 6*n.at(measured, 5*time.Second, 4)),
		AccY:     int16(-22 + 6*n.at(measured, 5*time.Second, 5)),
		AccZ:     int16(1021 + 8*n.at(measured, 5*time.Second, 6)),
		Volt:     t.volt + 0.01*n.at(measured, time.Minute, 7),
		TxPower:  4,
		Moves:    t.moved,
		Sequence: uint16(t.count / 2 % 65535),
		MAC:      t.mac,
	}
	a := advert{
		data:  m.Append([]byte{0x99, 0x04}),
		rssi:  int(math.Round(t.rssi + 5*n.at(at, 3*time.Second, 8))),
		count: t.count,
	}
	t.count++
	return a
}

// DF5 is one measurement in Ruuvi's data format 5.
type DF5 struct {
	Temp             float64 // C, steps of 0.005
	Humidity         float64 // %, steps of 0.0025
	Pressure         float64 // Pa, 50000 to 115534
	AccX, AccY, AccZ int16   // mG
	Volt             float64 // V, 1.600 to 3.646
	TxPower          int     // dBm, -40 to 20 in steps of 2
	Moves            uint8   // 0 to 254
	Sequence         uint16  // 0 to 65534
	MAC              [6]byte
}

// Append adds the 24 bytes as they stand behind the company id.
func (d DF5) Append(dst []byte) []byte {
	be := binary.BigEndian
	dst = append(dst, 5)
	dst = be.AppendUint16(dst, uint16(int16(math.Round(d.Temp/0.005))))
	dst = be.AppendUint16(dst, uint16(math.Round(d.Humidity/0.0025)))
	dst = be.AppendUint16(dst, uint16(math.Round(d.Pressure-50000)))
	dst = be.AppendUint16(dst, uint16(d.AccX))
	dst = be.AppendUint16(dst, uint16(d.AccY))
	dst = be.AppendUint16(dst, uint16(d.AccZ))
	power := uint16(math.Round((d.Volt-1.6)*1000))<<5 | uint16((d.TxPower+40)/2)
	dst = be.AppendUint16(dst, power)
	dst = append(dst, d.Moves)
	dst = be.AppendUint16(dst, d.Sequence)
	return append(dst, d.MAC[:]...)
}
