// Package device reads the hardware: it opens ports, runs a driver on each,
// and hands every reading on as one finished Thingsee message. New makes a Set
// of the configured devices, its Run reads them; see the example.
//
// One goroutine serves one device: it opens the port, runs a fresh driver until
// that fails, closes the port, waits Pause and begins again. A driver only
// decodes; it calls Out.Emit, and in that very call the reading is dated, given
// a unique key, encoded once into a reused buffer and appended to the Sink.
// There is no channel in between and nothing is allocated.
//
// # Promises
//
//   - A port that is gone is closed at once and looked for again under its
//     configured name, whatever it is called by then.
//   - A reading is handed to the Sink, or counted by Sink.Lose with a reason:
//     rate (over rate_limit), memory (no room, and the port cannot wait), io.
//     A connection (tcp://) waits for room instead.
//   - Bad input is counted and harms no other reading. A driver that panics is
//     logged with its stack once and started again; the process lives.
//   - A state is logged when it changes, never as it lasts.
//   - Every loop says by when it passes again, at most 30 s ahead while a port is
//     silent, and Idle tells the watchdog how long one is overdue.
//   - Set.Prepare and Apply change the list of devices while they are read: what is the
//     same goes on untouched.
//   - A port on which nothing happens costs no thread, and one wake-up in 30 s.
//
// # Finding devices
//
// Ports lists the machine's serial ports with the names that stay theirs. Hear listens to
// one, by every kind's Recognise and at the usual speeds, and says what it is. It writes
// nothing and opens nothing that somebody else has open.
//
// # Time
//
// A reading's own time is used where it is after September 2001 (before that
// lie the dates that clocks without a battery start from) and at most 5 minutes
// ahead of a trusted clock, or 10 years ahead of one that is not; else the
// clock's. While the clock is not trusted such a record is provisional, as
// thingsee.AppendProvisional writes it. Status.BadTimes counts times not used. (tsmTuid, tsmId, tsmTs) is unique across devices: a clash is moved
// by a millisecond.
//
// # Limits
//
// Linux only. Eight data bits, no flow control. A reading of a port
// that was read but not yet appended when the process dies is gone. The kernel
// may block in open and close for ever (some USB adapters do): such a goroutine
// is given up and counted, and after three of them the device passes no more,
// so that the watchdog restarts the process.
//
// CONTRIBUTING.md says how to add a driver; its test is package devicetest.
package device
