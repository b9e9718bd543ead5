package device

import (
	"encoding/binary"
	"time"

	"portti/device/thingsee"
)

// DewOptions holds the keys of type "dew".
type DewOptions struct {
	Address int `toml:"address"` // of the sensor, 0 = whichever is there
}

func dewKind() Kind {
	return Kind{
		Name: "dew", Baud: 9600, Silence: 30 * time.Second, Binary: true,
		Options:   func() any { return new(DewOptions) },
		Recognise: func(b []byte) (string, float64) { return "dew sensor", dewFrames().share(b) },
		New: func(c Config, _ Env) (Driver, error) {
			o := optionsOf[DewOptions](c)
			if o.Address < 0 || o.Address > 247 {
				return nil, keyError("address", "must be from 1 to 247, or 0 for whichever is there")
			}
			return &dew{address: byte(o.Address)}, nil
		},
		Sample: `[[device]]
name = "dew{n}"
type = "dew"                      # a humidity sensor
port = "/dev/ttyUSB{port}"
baud = 9600
id = "XXXX03DEW000{serial}"
# address = 0                     # of the sensor, 0 = whichever is there
`,
	}
}

// dew reads a humidity sensor that sends ten bytes a second. It is made up; here
// would be the link to the data sheet.
//
//	AA 0A 01 09 2A 12 C3 00 07 C4
//
//	AA 0A  start: a mark and the length
//	01     address
//	09 2A  temperature, 0.01 degrees, signed: 23.46
//	12 C3  relative humidity, 0.01 percent: 48.03
//	00     0 = good, 1 = warming up
//	07     counter
//	C4     sum of all bytes before
//
// A good reading becomes message 12100 {temp, humd}.
type dew struct {
	address byte
	msg     thingsee.Message
}

func dewFrames() frames {
	return frames{size: 10, start: []byte{0xAA, 10}, sound: func(frame []byte) bool {
		var sum byte
		for _, c := range frame[:9] {
			sum += c
		}
		return sum == frame[9]
	}}
}

// Run is part of Driver.
func (d *dew) Run(port Port, out Out) error {
	return dewFrames().run(port, out, func(frame []byte) Result { return d.reading(frame, out) })
}

// reading makes a message of a frame and says what the frame counts as.
func (d *dew) reading(frame []byte, out Out) Result {
	temp, humd := int16(binary.BigEndian.Uint16(frame[3:])), binary.BigEndian.Uint16(frame[5:])
	switch {
	case d.address != 0 && frame[2] != d.address:
		return Unknown
	case temp < -40_00 || temp > 125_00 || humd > 100_00: // what it can measure
		return Range
	case frame[7] != 0:
		out.Detail("warming up")
		return OK
	}
	out.Detail("")
	d.msg.Reset(thingsee.WeatherInfo, thingsee.EventTimed)
	d.msg.Decimal("temp", int64(temp), 2)
	d.msg.Decimal("humd", int64(humd), 2)
	out.Emit(&d.msg)
	return OK
}
