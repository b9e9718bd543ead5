package recording_test

import (
	"fmt"
	"os"
	"time"

	"portti/device/recording"
)

func Example() {
	w, err := recording.NewWriter(os.Stdout, recording.Header{Portti: "1.2.0", Name: "panel", Type: "lines", Started: time.Unix(1_796_000_000, 0).UTC()})
	if err == nil {
		clock := recording.Clock{Unix: 1_796_000_000_250, Trusted: true}
		err = w.Write(recording.Record{At: 250 * time.Millisecond, Clock: clock, What: recording.In, Data: []byte("temp=21.5\r\n")})
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// portti recording 1 {"portti":"1.2.0","name":"panel","type":"lines","started":"2026-11-30T00:53:20Z","mono_ms":0,"floor_ms":0} 732cfcba
	// 0.250000000 1796000000.250 < "temp=21.5\r\n" e3be452a
}
