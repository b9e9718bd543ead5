// Package declared reads frames that a configuration describes instead of a
// program: how a frame is found, how its checksum is made, and where its values
// stand. Compile makes a Format of a Declaration and says all that is wrong with
// it; a Format finds the frames in a stream (Finder) and reads their values
// (Read). Shipped are declarations of well-known sensors. See the example, and
// docs/declared.md for the keys.
//
// # Frames
//
//	fixed     a mark and a fixed number of bytes
//	length    a mark, and a field that says how many bytes follow
//	line      a line of text whose values stand in columns
//	block     lines of a label, a tab and a value, and a last one, Checksum, with
//	          a byte that makes the sum of all bytes 0 (VE.Direct)
//	telegram  text from a mark to "!" and a CRC of four digits, with lines as
//	          1-0:1.8.1(001234.567*kWh) (the P1 port of meters)
//
// # Promises
//
// Nothing is made up: half a frame, one whose checksum is wrong and a number that
// is none give no value. After a wrong binary frame the search goes on with its
// second byte, because what was taken for a mark may have been a value. A text
// frame is looked for from the end of the one before. Nothing is allocated for a
// frame, and a byte is looked at a bounded number of times.
//
// # Limits
//
// Frames of up to 4096 bytes and 64 values. A frame belongs to one thing. What a
// device sends only after a dialogue of several steps needs a driver.
package declared
