package modbus_test

import (
	"encoding/binary"
	"fmt"
	"math"

	"portti/device/modbus"
)

// A meter with unit number 1 is asked for its voltage, a float in the first two
// input registers.
func Example() {
	ask := modbus.Request{Unit: 1, Table: modbus.Input, Address: 0, Count: 2}
	fmt.Printf("% x\n", ask.Append(nil))

	came := []byte{0x01, 0x04, 0x04, 0x43, 0x66, 0x33, 0x33, 0x5a, 0xfa}
	data, _, result := ask.Find(came)
	fmt.Println(result == modbus.Good)

	var value [4]byte
	fmt.Println(modbus.Order{}.Arrange(value[:], data), math.Float32frombits(binary.BigEndian.Uint32(value[:])))
	// Output:
	// 01 04 00 00 00 02 71 cb
	// true
	// true 230.2
}
