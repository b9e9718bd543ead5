package adv_test

import (
	"encoding/hex"
	"fmt"

	"portti/device/adv"
)

func Example() {
	payload, _ := hex.DecodeString("0201061bff99040512fc5394c37c0004fffc040cac364200cdcbb8334c884f")
	decoder := adv.NewDecoder()
	var advert adv.Advert
	var reading adv.Reading
	if cut := advert.Payload(payload); cut > 0 {
		fmt.Println("damaged:", cut, "bytes at the end were dropped")
	}
	if decoder.Decode(&advert, nil, &reading) == adv.Good {
		temp := reading.Value("temp")
		fmt.Println(reading.Family, temp.Mantissa, "with", temp.Decimals, "decimals")
	}
	// Output: ruuvi-5 24300 with 3 decimals
}
