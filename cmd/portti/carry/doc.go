// Package carry is the file in which readings travel from one gateway to
// another without a network: what `portti queue export` writes and `portti queue
// import` reads.
//
// See the example: Write takes the records of a queue; a Reader gives them back
// one by one, and Complete says whether anything was cut off or changed.
//
// # The file
//
// Text, one JSON object a line, each line ended by "\n". The last member of every
// line is "crc", the CRC-32C (Castagnoli) in eight hexadecimal digits of all bytes
// of the line before the text `,"crc":`. So any line can be checked by itself and
// a damaged one costs that one only.
//
// The first line is the header:
//
//	portti        "queue-export"
//	version       2; a reader refuses a higher one
//	gateway       tsmGw of the gateway whose readings these are
//	epoch         of the queue, 16 hexadecimal digits
//	first, next   numbers: what is below first had been delivered or given up;
//	              from next on nothing was looked at. A line with a number below
//	              first, or from next on, is damaged
//	exported      wall time of the export, RFC 3339; as right as that clock was
//	last_good_ms  the last wall time that the gateway trusted, Unix ms, 0 = none
//	boot, mono_ms the boot in which it was exported and the milliseconds since
//	              then; left out when not known
//	boots         of each boot that is remembered: boot (index), id (32 hexadecimal
//	              digits), mono_ms (the latest seen in it), and where they are
//	              known offset_ms (Unix ms at mono 0, final), error_s (its greatest
//	              error in seconds, 0 = exact) and seen_ms (as offset_ms, by a
//	              trusted clock, not final)
//
// Then one line for each record, in rising numbers:
//
//	n         its number
//	after     the number of the line before it, first-1 for the first: where that is
//	          not what stands there, something is missing
//	epoch     under which it is known by that number, 16 hexadecimal digits; two
//	          gateways with copies of one card never have the same one for what
//	          they recorded since. Version 1 has none: then it is the header's, as
//	          where it could not be read
//	gateway   under which it is known, where that is not the header's
//	device    name in the configuration of that gateway
//	class     0 timed, 1 event, 2 power, 3 network
//	stream    of readings that belong together
//	boot, mono_ms  when it was read
//	messages  a Thingsee array with the one message, byte for byte as it would
//	          have been sent
//
// In place of messages stands undated, a text, where the gateway did not know the
// time yet: the message with "tsmTs":@<mono> in it, which is not JSON on purpose;
// or raw, base64, for a record that is no JSON at all.
//
// Of two records whose numbers fall, the second is damaged; but the first where
// the second is the one that follows, by its after, what stood before both.
//
// A line with missing, [first, last], and why names numbers that could not be
// read: records may have been there. Numbers that are neither there nor named
// were delivered, given up or never used, and never come back.
//
// The last line is the trailer:
//
//	end      "queue-export"
//	records  how many lines with n there are
//	sha256   of all bytes before this line
//
// A file without it was cut off. What is before is good nevertheless: importing
// it, and the whole file later, takes every record over once. Where another header
// stands in it, two files were joined: from there on nothing is read.
//
// # Limits
//
// A reader passes over a byte order mark and "\r" before "\n", but such a file is
// not as it was written. Lines up to 512 KB; longer ones count as damaged. Nothing is encrypted or
// signed: who can write the file can invent readings.
package carry
