// Package replay plays a recording of a port through the driver and the stamp that a
// gateway has, and gives the messages that it would send: see Run and the example.
//
// The driver runs as it does in a gateway: package device opens, watches and closes
// the port, which here is the recording. Time is the recording's own: pauses, deadlines
// and the gateway's clock are as they were, and an hour is over in a moment. What was
// read is given out in the same pieces; what the driver writes is held against what
// was written, so that a driver that asks its device keeps in step.
//
// A replay begins as an opening does. Where a recording was begun while the port was
// open already, its first reading may differ from what the gateway sent then, as a
// driver in the middle of its work knows more than one that begins.
package replay
