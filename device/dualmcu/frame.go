package dualmcu

import "encoding/binary"

// What SLIP sends in place of bytes.
const (
	end    = 0xC0
	escape = 0xDB
	escEnd = 0xDC // after escape: C0
	escEsc = 0xDD // after escape: DB
)

const (
	head    = 3                   // primitive, frame id, length
	tail    = 2                   // CRC
	longest = head + 0xFF + tail  // bytes of a frame, escapes taken out
	MaxWire = 3 + 2*(longest) + 1 // bytes of a frame on the wire at most
)

// Primitives: what a frame is. Confirms and responses are the primitive + Answer.
const (
	DataTX         byte = 0x01 // DSAP-DATA_TX
	DataSent       byte = 0x02 // DSAP-DATA_TX.indication
	DataRX         byte = 0x03 // DSAP-DATA_RX.indication
	Poll           byte = 0x04 // MSAP-INDICATION_POLL
	StackState     byte = 0x07 // MSAP-STACK_STATE.indication
	MSAPRead       byte = 0x0C // MSAP-ATTRIBUTE_READ
	CSAPRead       byte = 0x0E // CSAP-ATTRIBUTE_READ
	DataRXFragment byte = 0x10 // DSAP-DATA_RX_FRAG.indication
	CostWrite      byte = 0x38 // MSAP-SINK_COST_WRITE
	CostRead       byte = 0x39 // MSAP-SINK_COST_READ
	AppConfig      byte = 0x3F // MSAP-APP_CONFIG_DATA_RX.indication

	Answer byte = 0x80
)

// Attributes of MSAPRead and CSAPRead.
const (
	MSAPStackStatus uint16 = 1 // 1 byte, see Status
	CSAPNodeAddress uint16 = 1 // 4 bytes
	CSAPMTU         uint16 = 5 // 1 byte: the longest APDU
)

// Frame is one frame without its CRC. Payload has at most 255 bytes.
type Frame struct {
	Primitive, ID byte
	Payload       []byte
}

// Indication says whether the sink sends this frame unasked, so that it wants a
// response.
func (f Frame) Indication() bool {
	switch f.Primitive {
	case DataSent, DataRX, StackState, DataRXFragment, AppConfig, 0x0F, 0x1B, 0x22, 0x23, 0x28:
		// 0F to 28: indications of other services, which are answered like all
		return true
	}
	return false
}

// Pending is what an indication says of those behind it: 0 = none waits.
func (f Frame) Pending() byte {
	if len(f.Payload) == 0 {
		return 0
	}
	return f.Payload[0]
}

// Append appends the frame as the host sends it, AppendSink as the sink does.
func (f Frame) Append(dst []byte) []byte { return f.append(append(dst, end, end)) }

// AppendSink is Append for the other direction.
func (f Frame) AppendSink(dst []byte) []byte { return f.append(dst) }

func (f Frame) append(dst []byte) []byte {
	dst = append(dst, end)
	payload := f.Payload[:min(len(f.Payload), 0xFF)]
	h := [head]byte{f.Primitive, f.ID, byte(len(payload))}
	dst = stuff(stuff(dst, h[:]), payload)
	sum := crc(crc(0xFFFF, h[:]), payload)
	return append(stuff(dst, []byte{byte(sum), byte(sum >> 8)}), end)
}

// stuff appends b with its escapes.
func stuff(dst, b []byte) []byte {
	for _, c := range b {
		switch c {
		case end:
			dst = append(dst, escape, escEnd)
		case escape:
			dst = append(dst, escape, escEsc)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// crc goes on with CRC-16/CCITT-FALSE, which begins with FFFF: polynomial 1021,
// highest bit first. A byte at a time without a table, by shifts of its own bits.
func crc(sum uint16, b []byte) uint16 {
	for _, c := range b {
		x := byte(sum>>8) ^ c
		x ^= x >> 4
		sum = sum<<8 ^ uint16(x)<<12 ^ uint16(x)<<5 ^ uint16(x)
	}
	return sum
}

// ReadAttribute asks for an attribute; service is MSAPRead or CSAPRead. The payload
// is in buf, which has two bytes.
func ReadAttribute(service, id byte, attribute uint16, buf []byte) Frame {
	binary.LittleEndian.PutUint16(buf, attribute)
	return Frame{service, id, buf[:2]}
}

// Attribute is the value that a confirm of ReadAttribute carries. result is 0 where
// there is one, else why not: 1 unknown attribute, 2 stack in the wrong state, 3 wrong
// length, 4 not set, 5 write only, 6 locked.
func (f Frame) Attribute() (attribute uint16, result byte, value []byte, ok bool) {
	p := f.Payload
	if len(p) < 3 {
		return 0, 0, nil, false
	}
	attribute, result = binary.LittleEndian.Uint16(p[1:]), p[0]
	if result != 0 {
		return attribute, result, nil, true
	}
	if len(p) < 4 || len(p) != 4+int(p[3]) {
		return 0, 0, nil, false
	}
	return attribute, result, p[4:], true
}

// Response is the answer to an indication: next says that the one behind it is wanted
// now. The payload is in buf, which has one byte.
func (f Frame) Response(next bool, buf []byte) Frame {
	buf[0] = 0
	if next {
		buf[0] = 1
	}
	return Frame{f.Primitive + Answer, f.ID, buf[:1]}
}

// Status are the bits of the stack status; 0 = it runs.
type Status byte

// What a status says.
const (
	Stopped   Status = 0x01
	NoNetwork Status = 0x02 // no network address
	NoAddress Status = 0x04 // no node address
	NoChannel Status = 0x08
	NoRole    Status = 0x10
	NoConfig  Status = 0x20 // no application configuration: it runs all the same
)

// String is the status in words.
func (s Status) String() string {
	switch {
	case s&NoNetwork != 0:
		return "stopped: no network address is set"
	case s&NoAddress != 0:
		return "stopped: no node address is set"
	case s&NoChannel != 0:
		return "stopped: no network channel is set"
	case s&NoRole != 0:
		return "stopped: no role is set"
	case s&Stopped != 0:
		return "stopped"
	}
	return "running"
}

// Runs says whether the stack does.
func (s Status) Runs() bool { return s&(Stopped|NoNetwork|NoAddress|NoChannel|NoRole) == 0 }
