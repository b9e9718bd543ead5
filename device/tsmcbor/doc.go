// Package tsmcbor reads Thingsee messages in the form in which Haltian's sensors send
// them over a Wirepas mesh, endpoint 21: CBOR with whole numbers for names and values.
// See the example.
//
//	9f              an array of messages; some senders leave it out
//	  a3            a map of three
//	    01 19 332c  1 tsmId   13100
//	    02 0a       2 tsmEv   10
//	    18 2c 07    44 moveCount 7
//	ff
//
// Names are numbers that mean the same in every message; Property has them. A value is
// a whole number, the quantity times a power of ten that belongs to its name: temp 215
// is 21.5 °C. Some devices compress the whole with zlib.
//
// It promises that no input makes it take more than 16 kB or nest deeper than four
// levels, that a map in which a key stands twice is refused, and that fields come in
// the order of their keys. It allocates, some ten times a message: a mesh delivers a
// few messages a second at most.
//
// What the gateway or the cloud fills in (keys 3 to 9) is passed over.
//
// Source: "Thingsee CBOR to JSON Conversion" and the CBOR reference of Thingsee
// PRESENCE on developer.haltian.io (read 2026-01-30), whose three printed messages are
// tests. CBOR: RFC 8949, by fxamacker/cbor (MIT).
package tsmcbor
