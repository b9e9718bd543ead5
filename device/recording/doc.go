// Package recording is the file in which the bytes of one port are kept with their
// times: what `portti record` writes, `portti replay` and the tests of the drivers
// read, and the control socket streams. docs/recordings.md has the format, field by
// field; see the example.
//
// It is text, one record a line, each line with a checksum of its own. So it can be
// read and shortened with an editor, passes through mail, is good up to the line in
// which the power failed, and a damaged line in the middle is named and passed over.
//
// The package knows neither devices nor Thingsee, and keeps nothing in memory but
// the line in hand. A Writer and a Reader are for one goroutine.
package recording
