package dualmcu_test

import (
	"fmt"

	"portti/device/dualmcu"
)

func Example() {
	poll := dualmcu.Frame{Primitive: dualmcu.Poll, ID: 3}
	fmt.Printf("%x\n", poll.Append(nil))

	// What a sink answers: something waits; and the indication that follows.
	in := []byte("\xc0\x84\x03\x01\x01\x49\xe9\xc0" +
		"\xc0\x03\x07\x17\x03\xef\xcd\xab\x00\x01\x78\x56\x34\x12\xed\x0c\x80\x00\x00\x00\x06\xdb\xdc\xdb\xdd\x01\xdb\xdc\xdc\xdd\xf3\xc1\xc0")
	var s dualmcu.Scanner
	var buf [1]byte
	for len(in) > 0 {
		n, event := s.Scan(in)
		in = in[n:]
		if event != dualmcu.Good {
			continue
		}
		f := s.Frame()
		if d, ok := dualmcu.ParseData(f); ok {
			fmt.Printf("%08X sent %x %d ms ago, %d hops away\n", d.Source, d.APDU, d.TravelMS(), d.Hops)
			fmt.Printf("%x\n", f.Response(f.Pending() > 0, buf[:]).Append(nil))
		}
	}
	// Output:
	// c0c0c00403000f45c0
	// 00ABCDEF sent c0db01c0dcdd 1000 ms ago, 3 hops away
	// c0c0c083070101a464c0
}
