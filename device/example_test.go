package device_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"portti/device"
	"portti/device/clock"
)

// display is a Sink that prints the records, in place of the buffer.
type display struct{ full func() }

func (d display) Append(_ int64, class byte, number uint16, _ uint32, rec []byte) error {
	fmt.Printf("class %d of device %d: %s\n", class, number, rec)
	d.full()
	return nil
}
func (display) Lose(uint16, string, int) {}
func (display) Room() <-chan struct{}    { return nil }

// text is a port that sends a text, in place of a serial line.
type text struct{ io.Reader }

func (text) Write(p []byte) (int, error)     { return len(p), nil }
func (text) SetReadDeadline(time.Time) error { return nil }
func (text) Interrupt()                      {}
func (text) Close() error                    { return nil }

func Example() {
	cfgs := []device.Config{{Name: "panel", Type: "lines", Port: "/dev/ttyUSB1", ID: "XXXX03PNL00000001"}}
	number := func(name string) (uint16, error) { return 1, nil } // in the ledger
	env := device.Env{
		Gateway: "XXXX00EFS80560445",
		Clock:   clock.Fake(clock.Now{Mono: 5000, Unix: 1_796_000_000_000, Trusted: true}, time.Unix(1_790_000_000, 0)),
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	// Without Open it is the port of the configuration that is opened.
	open := func(context.Context, device.Config) (device.Opened, error) {
		return device.Opened{Line: text{strings.NewReader("{\"temp\":21.50,\"humd\":40}\n")}}, nil
	}
	set, err := device.New(cfgs, number, display{full: stop}, env, device.Tuning{Open: open})
	if err != nil {
		fmt.Println(err)
		return
	}
	set.Run(ctx) // until ctx ends; all ports are closed then
	for _, s := range set.Status() {
		fmt.Println(s.Name, "has read", s.Read)
	}
	// Output:
	// class 0 of device 1: {"tsmId":12100,"tsmEv":10,"tsmTs":1796000000,"tsmTuid":"XXXX03PNL00000001","tsmGw":"XXXX00EFS80560445","temp":21.50,"humd":40}
	// panel has read 1
}
