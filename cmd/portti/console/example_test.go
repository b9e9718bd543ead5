package console_test

import (
	"fmt"
	"os"
	"time"

	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
)

func document() *status.Document {
	return &status.Document{
		Version: "1.2.0", Gateway: status.Gateway{Name: "barge"},
		Link:    status.Link{State: status.LinkOnline, URLHost: "example.net"},
		Buffer:  status.Buffer{State: status.BufferOK},
		Devices: []status.Device{{Name: "gps", Type: "nmea", State: status.DeviceOK, LastAgeS: 1}},
	}
}

func ExampleRender() {
	if err := console.Render(os.Stdout, document(), console.Options{ASCII: true, Zone: time.UTC}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// portti 1.2.0 on barge                          up 0 s          clock not set
	//
	// LINK    * online   example.net   for 0 s
	// BUFFER  * ok       0 waiting   ? of 0 B
	// DATA    * 0/s      0 delivered   lost 0
	//
	// DEVICE      TYPE       PORT              LAST      RATE  STATE
	// gps         nmea                          1 s       0/s  * ok
}

func ExampleShort() {
	fmt.Println(console.Short(document()))
	// Output: portti ok online buf=0 lost=0 dev=1/1
}
