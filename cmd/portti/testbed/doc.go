// Package testbed holds what a gateway is tried with on a bench: a WebSocket
// server that prints what arrives, serial devices that exist only in software,
// a player for recordings, and the demo that puts them together.
//
// See the examples of Receiver, GPS and Live.
//
// # Promises
//
// The receiver prints every message exactly as it came, one a line, and lets
// no proof leave (pong, count or ack) before the message was written to every
// output, and taken by the API behind it if there is one. With a file and
// count or envelope it is on the disk by then. In mode envelope the file
// holds no record twice, also after the receiver was killed in mid-write: see
// journal.go. A record that can never be taken is answered by nack until the
// gateway is known to have heard it. What an API refuses for ever is in the
// file Options.Aside, or in the gateway's quarantine.
//
// It counts repeats by tsmTuid, tsmId and tsmTs as Thingsee receivers do, and
// it counts as changed a repeat whose bytes differ.
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
// Linux only. In modes none and fence "written" means handed to the operating
// system, not forced to the disk; the same goes for messages printed. The table of keys is
// bounded (Options.MaxDistinct) and a repeat that comes later than that many
// others counts as new. Marks are kept of 10,000 gateways and epochs; beyond
// that the longest unused are forgotten, and all that were not used for
// Options.MaxAge and 30 days, which costs repeats. Starts are kept of 10,000
// gateways, in memory. Two processes
// must not write one file.
//
// What the documentation of a dialect leaves open, and what the receiver does
// then, stands in docs/receivers.md.
//
// # Sources
//
// The Thingsee WebSocket page for arrays without an envelope, the pages of
// Haltless, Zyeta and Heimdall for their dialects, RFC 6455 for what a pong
// means, NMEA 0183 as u-blox receivers print it, Ruuvi's data
// format 5, and the serial output of OpenMQTTGateway.
package testbed
