package chrony_test

import (
	"fmt"
	"time"

	"portti/device/chrony"
)

func Example() {
	// A machine whose clock stands in 1970 hears what time it is.
	shown := time.Unix(42, 0)
	heard := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	s := chrony.Sample{At: shown, Ahead: heard.Sub(shown)}
	for _, bits := range []int{32, 64} {
		fmt.Println(len(s.Append(nil, bits)), "bytes")
	}
	// Output:
	// 32 bytes
	// 40 bytes
}
