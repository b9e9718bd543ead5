package ais_test

import (
	"fmt"

	"portti/device/ais"
	"portti/device/nmea"
)

func Example() {
	in := []byte("!AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0*4A\r\n")
	sentences := nmea.NewScanner(0)
	var messages ais.Assembler
	for len(in) > 0 {
		n, ev := sentences.Scan(in)
		in = in[n:]
		if ev != nmea.Good || !ais.Is(sentences.Sentence()) {
			continue
		}
		if done, _ := messages.Add(sentences.Sentence(), 0); done {
			m := messages.Message()
			speed, _ := m.Value(ais.Speed)
			lat, _ := m.Value(ais.Lat)
			fmt.Printf("%d, %s: %.1f knots at latitude %.5f\n", m.MMSI, ais.TypeName(m.Type), float64(speed)/10, float64(lat)/600000)
		}
	}
	// Output:
	// 371798000, position of a class A vessel: 12.3 knots at latitude 48.38163
}
