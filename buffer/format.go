package buffer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"portti/buffer/boltfile"
)

// # The format on disk
//
// docs/format.md has every file and field, what a start finds after a cut at any
// point, and which ledger counts; package formattest reads a folder by that page
// alone. What to know here:
//
//   - Keys and the headers of values are big-endian, so that they sort; all else is
//     little-endian or varints. A bbolt file is in the byte order of the machine, with
//     pages of 4096 bytes on every machine.
//   - A value begins with a CRC-32C over its key and what follows; every fact and slot
//     ends with one over itself. A stored record is never rewritten.
//   - Facts are small: they lie inside the root page that every commit rewrites anyway.
//   - A later version may append fields before a checksum and add facts; what is not
//     known is passed over, and not kept. Anything else is a new version: a program
//     that finds one above its own touches nothing in the folder.
//   - A change here is a change of the page, and of the golden queue of a new version.

const (
	formatVersion = 2
	headerLen     = 4 + 1 + 2 + 4 + 4 + 8
	pageSize      = boltfile.PageSize
	fileMargin    = 1 << 20 // by which a file may become larger than it is estimated
	segSuffix     = ".seg"
	tmpSuffix     = ".tmp"
	salvageSuffix = ".salvage"
	damagedInfix  = ".damaged-"
	sidecarName   = "state"
)

var (
	errDamaged = boltfile.ErrDamaged // of every file of the queue: one cause, one error
	errShort   = errors.New("too short")
	// castagnoli is read only after it was made.
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func recordsBucket() []byte { return []byte("r") }
func factsBucket() []byte   { return []byte("m") }

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, segSuffix) }

// parseSegmentName accepts exactly what segmentName makes.
func parseSegmentName(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, segSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, err == nil && segmentName(n) == name
}

func putKey(k *[8]byte, n uint64) []byte {
	binary.BigEndian.PutUint64(k[:], n)
	return k[:]
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// appendValue appends the stored form of a record.
func appendValue(dst []byte, n uint64, e Entry) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, e.Class)
	dst = binary.BigEndian.AppendUint16(dst, e.Device)
	dst = binary.BigEndian.AppendUint32(dst, e.Stream)
	dst = binary.BigEndian.AppendUint32(dst, e.Boot)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Mono))
	dst = append(dst, e.Rec...)
	binary.BigEndian.PutUint32(dst[at:], valueSum(n, dst[at+4:]))
	return dst
}

// valueSum is the CRC-32C of the key, 8 bytes, and the rest. The key's part is
// done by hand: a slice of it would escape and cost an allocation per record.
func valueSum(n uint64, rest []byte) uint32 {
	crc := ^uint32(0)
	for shift := 56; shift >= 0; shift -= 8 {
		crc = castagnoli[byte(crc)^byte(n>>shift)] ^ crc>>8
	}
	return crc32.Update(^crc, castagnoli, rest)
}

// parseValue checks a stored value; the entry's Rec points into v.
func parseValue(n uint64, v []byte) (Entry, error) {
	if len(v) < headerLen {
		return Entry{}, errShort
	}
	if len(v) > blockSize { // none is: its length is damaged, and it may end anywhere in memory
		return Entry{}, errDamaged
	}
	if binary.BigEndian.Uint32(v) != valueSum(n, v[4:]) {
		return Entry{}, errDamaged
	}
	return header(v), nil
}

// header reads a value that is known to be sound. One that is too short to be a
// record is none.
func header(v []byte) Entry {
	if len(v) < headerLen {
		return Entry{}
	}
	return Entry{
		Class:  v[4],
		Device: binary.BigEndian.Uint16(v[5:]),
		Stream: binary.BigEndian.Uint32(v[7:]),
		Boot:   binary.BigEndian.Uint32(v[11:]),
		Mono:   int64(binary.BigEndian.Uint64(v[15:])),
		Rec:    v[headerLen:],
	}
}

func valueDevice(v []byte) uint16 { return binary.BigEndian.Uint16(v[5:]) }

// seal appends a checksum; unseal checks and removes it.
func seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func unseal(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, errShort
	}
	body := b[:len(b)-4]
	if binary.LittleEndian.Uint32(b[len(body):]) != crc32.Checksum(body, castagnoli) {
		return nil, errDamaged
	}
	return body, nil
}

// decoder reads varints and keeps the first error.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.err = nil, errShort
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v := d.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// take is the next n bytes.
func (d *decoder) take(n uint64) (b []byte) {
	if n > uint64(len(d.b)) {
		d.b, d.err = nil, errShort
		return nil
	}
	b, d.b = d.b[:n], d.b[n:]
	return b
}

func (d *decoder) text() string { return string(d.take(d.uint())) }

// appendUints writes them one after the other.
func appendUints(b []byte, all ...uint64) []byte {
	for _, v := range all {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// encodeFormat is a segment's version and its first number, which its name says
// too: a file that was renamed or copied is known by it.
func encodeFormat(version uint16, first uint64) []byte {
	return seal(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint16(nil, version), first))
}

// checkFormat looks at the version of a segment and says its first number.
func checkFormat(b []byte) (first uint64, err error) {
	f, err := unseal(b)
	if err != nil || len(f) < 2 {
		return 0, errDamaged
	}
	switch v := binary.LittleEndian.Uint16(f); {
	case v > formatVersion:
		return 0, newerFormat(v)
	case v < formatVersion:
		return 0, fmt.Errorf("%w: it has format %d, the first one in this folder is %d", errDamaged, v, formatVersion)
	case len(f) != 10:
		return 0, errDamaged
	}
	return binary.LittleEndian.Uint64(f[2:]), nil
}

// newerFormat names the version that is needed.
func newerFormat(version uint16) error {
	return fmt.Errorf("%w: it has format %d, this one knows up to %d", ErrNewer, version, formatVersion)
}

// summary says what a segment holds.
type summary struct {
	count   uint64 // records
	bytes   uint64 // of the records themselves
	first   uint64 // number of the first record present
	last    uint64 // of the last
	oldest  Time
	newest  Time
	devices []uint64 // records by device number
}

func (s *summary) add(n uint64, e Entry) {
	if s.count == 0 {
		s.first, s.oldest = n, e.when()
	}
	s.count++
	s.bytes += uint64(len(e.Rec))
	s.last, s.newest = n, e.when()
	bump(&s.devices, e.Device, 1)
}

func (s *summary) remove(e Entry) {
	s.count--
	s.bytes -= uint64(len(e.Rec))
	s.devices[e.Device]--
}

// loss is the beginning of one of what it counts, among these numbers.
func (s *summary) loss(reason string, first, last uint64) Loss {
	return Loss{Reason: reason, First: first, Last: last, Oldest: s.oldest, Newest: s.newest, Devices: map[string]uint64{}}
}

func (s *summary) clone() summary {
	c := *s
	c.devices = append([]uint64(nil), s.devices...)
	return c
}

func (s *summary) encode() []byte {
	b := appendUints([]byte{formatVersion}, s.count, s.bytes, s.first, s.last, uint64(s.oldest.Boot), uint64(s.newest.Boot))
	b = binary.AppendVarint(b, s.oldest.Mono)
	b = binary.AppendVarint(b, s.newest.Mono)
	present := 0
	for _, n := range s.devices {
		present += int(bit(n > 0))
	}
	b = binary.AppendUvarint(b, uint64(present))
	for dev, n := range s.devices {
		if n > 0 {
			b = appendUints(b, uint64(dev), n)
		}
	}
	return seal(b)
}

func decodeSummary(b []byte) (summary, error) {
	body, err := unseal(b)
	if err != nil {
		return summary{}, err
	}
	if len(body) == 0 || body[0] != formatVersion {
		return summary{}, errDamaged
	}
	d := decoder{b: body[1:]}
	s := summary{count: d.uint(), bytes: d.uint(), first: d.uint(), last: d.uint()}
	s.oldest.Boot, s.newest.Boot = uint32(d.uint()), uint32(d.uint())
	s.oldest.Mono, s.newest.Mono = d.int(), d.int()
	for range count(&d) {
		dev, n := d.uint(), d.uint()
		if dev > 0xffff {
			return summary{}, errDamaged
		}
		bump(&s.devices, uint16(dev), n)
	}
	return s, d.err
}

// bump adds to a table by device that grows as needed.
func bump(t *[]uint64, dev uint16, n uint64) {
	if more := int(dev) + 1 - len(*t); more > 0 {
		*t = append(*t, make([]uint64, more)...)
	}
	(*t)[dev] += n
}
