// The runtime would look each second whether it may use more processors than at the
// start, which is half of all wake-ups of a gateway that has nothing to do.
//
//go:debug updatemaxprocs=0

// Command portti is an edge gateway for sensors, GPS receivers and Bluetooth
// bridges; `portti help` lists what it can do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set at link time: -ldflags "-X main.version=1.2.3".
var version string

func main() {
	os.Exit(run(untilSignal(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal is over with the first signal to end. A second one ends the process at
// once, by what it does where nobody catches it: so that is put back before anybody
// can see that the first one came.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		cancel()
	}()
	return ctx
}
