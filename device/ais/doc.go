// Package ais reads AIS as receivers write it on a line, in sentences AIVDM and
// AIVDO: fields of sentences in, one Message per report out. See the example.
//
// # Promises
//
// Nothing is made up: a value that the sender marks as not available, one that
// cannot be, and one that the payload is too short for are absent, never nought.
// Memory is bounded: an Assembler keeps Slots messages of several sentences, and
// MaxBits of each. Nothing allocates.
//
// # Sentences
//
//	!AIVDM,2,1,3,B,55P5TL01VIaAL@7WKO@mBplU@<PDhh000000001S;AJ::4A80?4i@E53,0*3E
//	       | | | | |                                                        |
//	       | | | | payload, six bits a character                            fill bits
//	       | | | channel of the radio: A or B, 1 or 2, or nothing
//	       | | number that the sentences of one message share, 0 to 9, or nothing
//	       | number of this sentence
//	       number of sentences
//
// AIVDO is what the vessel's own transponder sends. The talker (AI, AB, BS, SA ...)
// is not looked at. Checksums are the caller's (package nmea's Scanner).
//
// Sentences of one message belong together by channel and number and come in their
// order; those of several messages may be mixed. One whose predecessor is missing, or came
// more than Patience ago, is given up with it.
//
// # Messages
//
// Types 1 to 5, 9, 11, 18, 19, 21, 24 and 27 are taken apart, by tables of bit fields
// (fields.go). All others that there are, 6 to 26, are recognised: type, name and
// sender. Positions are in 1/10000 of a minute of arc, speeds in tenths of a knot,
// courses in tenths of a degree, whichever type they came in.
//
// # Limits
//
// Binary payloads (types 6, 8, 17, 25, 26) are not looked into. The two halves of a
// type 24 are two Messages.
//
// # Sources
//
// ITU-R M.1371-5 (messages, "not available", six-bit text), IEC 61162-1 (sentences),
// and E. S. Raymond's "AIVDM/AIVDO protocol decoding" as gpsd publishes it (facts,
// restated). Compared with gpsd 3.22 field by field: see corpus_test.go.
package ais
