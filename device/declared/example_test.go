package declared_test

import (
	"fmt"

	"portti/device/declared"
)

// A humidity sensor: AA and the bytes that follow, temperature in hundredths, and the
// sum of all before.
func Example() {
	text := `
frame = "length"
start = "AA"
length_at = 1
length_add = 2
checksum = "sum8"

[field.temp]
offset = 2
type = "i16be"
scale = 0.01
min = -40
max = 125
`
	file, err := declared.Parse("sensor.toml", []byte(text))
	if err != nil {
		fmt.Println(err)
		return
	}
	format, err := declared.Compile(file.Declaration)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream := []byte{0x03, 0xAA, 0x03, 0x09, 0x2A, 0xE0, 0xAA, 0x03, 0x09, 0x2B, 0xE0}
	values := make([]declared.Reading, len(format.Values))
	find := format.Finder()
	for {
		skipped, frame, wrong := find.Next(stream)
		if frame == nil {
			fmt.Println("left over:", len(stream)-skipped, "bytes; a wrong frame:", wrong)
			return
		}
		if format.Read(frame, values) == declared.Good {
			fmt.Println(skipped, "bytes of noise,", format.Values[0].Name, values[0].Float())
		}
		stream = stream[skipped+len(frame):]
	}
	// Output:
	// 1 bytes of noise, temp 23.46
	// left over: 0 bytes; a wrong frame: true
}
