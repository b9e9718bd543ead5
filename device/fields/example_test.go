package fields_test

import (
	"fmt"

	"portti/device/fields"
)

// The frame of a sensor: a mark, temperature in tenths with 40 degrees added,
// lowest byte first, and humidity in the lower seven bits of the last byte.
func Example() {
	rows := []fields.Row{
		{Name: "temp", Offset: 1, Size: 2, Little: true, Add: -400, Decimals: 1, HasNA: true, NA: 0xFFFF},
		{Name: "humd", Offset: -1, Bits: 7, Max: 100},
	}
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			fmt.Println(rows[i].Name, err)
		}
	}
	for _, frame := range [][]byte{{0xAA, 0x6C, 0x02, 0xB1}, {0xAA, 0xFF, 0xFF, 0x7F}} {
		for i := range rows {
			if v, state := rows[i].Read(frame); state == fields.OK {
				fmt.Println(rows[i].Name, v.Float())
			} else {
				fmt.Println(rows[i].Name, state == fields.Absent, state == fields.Outside)
			}
		}
	}
	// Output:
	// temp 22
	// humd 49
	// temp true false
	// humd false true
}
