package jsonline_test

import (
	"fmt"

	"portti/device/jsonline"
)

func Example() {
	var s jsonline.Scanner
	var text []byte
	for s.Reset([]byte(`{"temp":21.50,"place":"k\u00e4yt\u00e4v\u00e4"}`)); s.Next(); {
		switch s.Kind() {
		case jsonline.Number:
			fmt.Printf("%s is %s\n", s.Key(), s.Raw()) // the digits as they were sent
		case jsonline.String:
			text = jsonline.Unescape(text[:0], s.Raw())
			fmt.Printf("%s is %s\n", s.Key(), text)
		}
	}
	if s.Err() != nil {
		fmt.Println(s.Err()) // not an object, or broken after the members seen so far
	}
	// Output:
	// temp is 21.50
	// place is käytävä
}
