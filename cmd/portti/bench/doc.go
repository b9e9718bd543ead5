// Package bench holds what a workshop needs around a gateway: a WebSocket
// server that prints what arrives, serial devices that exist only in software,
// a player for recordings, and the demo that puts them together.
//
//	r, err := bench.NewReceiver(bench.Options{Listen: "127.0.0.1:0", Ack: "fence", Out: os.Stdout})
//	go r.Run(ctx)                     // r.Addr() is where it listens, r.Stats() what it saw
//
//	p, err := bench.OpenPty("/tmp/ttyGPS", 0)
//	gps, err := bench.NewGPS(bench.GPSOptions{Seed: 1})
//	stats, err := bench.Live(ctx, p, gps) // a GPS receiver on /tmp/ttyGPS
//
// # Promises
//
// The receiver prints every message exactly as it came, one a line, and lets
// no proof leave (pong, count or ack) before the message was written to every
// output. It counts repeats by tsmTuid, tsmId and tsmTs as Thingsee receivers
// do, and it counts as changed a repeat whose bytes differ.
//
// A recording is played byte for byte: nothing is lost between player and
// reader however slow the reader is, and the player returns only when the last
// byte has been read. A simulated device on the other hand is like a real one:
// when nobody reads its line, what it says is gone (and counted).
//
// Generators are pure: the same seed and the same times give the same bytes.
// They read no clock and start nothing.
//
// # Limits
//
// Linux only. The receiver speaks the dialect thingsee; haltless, zyeta and
// heimdall come later. "Written" means handed to the operating system, not
// forced to the disk. The table of keys is bounded (Options.MaxDistinct) and a
// repeat that comes later than that many others counts as new.
//
// # Sources
//
// The Thingsee WebSocket page for arrays without an envelope, RFC 6455 for
// what a pong means, NMEA 0183 as u-blox receivers print it, Ruuvi's data
// format 5, and the serial output of OpenMQTTGateway.
package bench
