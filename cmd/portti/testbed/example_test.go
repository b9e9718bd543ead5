package testbed_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"portti/cmd/portti/testbed"
)

func ExampleReceiver() {
	r, err := testbed.NewReceiver(testbed.Options{Listen: "127.0.0.1:0", Ack: "fence", Out: os.Stdout})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	// A gateway dials r.URL() now, and its messages are printed.
	stop()
	if err := <-ended; err != nil {
		fmt.Println(err)
	}
	fmt.Println(r.Stats().Summary())
	// Output: 0 messages in 0 frames over 0 connections; 0 distinct, 0 came again
}

// A simulated device gives the same bytes for the same seed and times.
func ExampleGPS() {
	gps, err := testbed.NewGPS(testbed.GPSOptions{Seed: 1, Warmup: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	epoch, _ := gps.Append(nil, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	for line := range strings.Lines(string(epoch)) {
		fmt.Println(line[:6])
	}
	// Output:
	// $GNRMC
	// $GNVTG
	// $GNGGA
	// $GNGSA
	// $GNGSA
	// $GPGSV
	// $GPGSV
	// $GPGSV
	// $GPGSV
	// $GLGSV
	// $GLGSV
}

// A GPS receiver on /tmp/ttyGPS, for as long as ctx lasts.
func ExampleLive() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	p, err := testbed.OpenPty("/tmp/ttyGPS", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	gps, err := testbed.NewGPS(testbed.GPSOptions{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := testbed.Live(ctx, p, gps)
	fmt.Println(stats.Bytes, err)
}
