package adv_test

import (
	"encoding/hex"
	"fmt"

	"portti/device/adv"
)

func Example() {
	payload, _ := hex.DecodeString("0201061bff99040512fc5394c37c0004fffc040cac364200cdcbb8334c884f")
	var r adv.Reader
	for r.Reset(payload); r.Next(); {
		if company, data, ok := r.Manufacturer(); ok && company == adv.Ruuvi {
			if tag, ok := adv.DecodeDF5(data); ok && tag.Temp.Known {
				fmt.Println(tag.Temp.Mantissa, "with", tag.Temp.Decimals, "decimals")
			}
		}
	}
	if r.Cut() > 0 {
		fmt.Println("damaged:", r.Cut(), "bytes at the end were dropped")
	}
	// Output: 24300 with 3 decimals
}
