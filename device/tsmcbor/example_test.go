package tsmcbor_test

import (
	"fmt"

	"portti/device/tsmcbor"
)

func Example() {
	// A message as Haltian's page prints it.
	payload := []byte("\x9f\xa3\x01\x19\x33\x2c\x02\x0a\x18\x2c\x07\xff")
	messages, err := tsmcbor.New().Decode(payload)
	if err != nil {
		fmt.Println(err)
	}
	for _, m := range messages {
		fmt.Println(m.ID, m.Event)
		for _, f := range m.Fields {
			fmt.Println(f.Name, f.Value)
		}
	}
	// Output:
	// 13100 10
	// moveCount 7
}
