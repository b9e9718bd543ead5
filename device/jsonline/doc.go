// Package jsonline reads one JSON object from one line without allocating.
// See the example.
//
// It promises that a line without error and without a Bare value is an object that
// encoding/json calls valid, followed by Rest, and that it lets every such object
// pass. One value that is none (nan, 0x1F, 21.5C, nothing at all) costs its member
// and not the line: it is given as Bare, and a number put in its place makes the
// object valid. Nested objects and arrays are checked in the same way and passed
// over: their bytes are given as one value. Numbers are taken apart on
// the way, exactly or not at all (Decimal); their digits stand in Raw as they
// were sent. A line never costs more than one pass over its bytes, but for
// numbers of more than nine digits, which are gone over twice.
//
// Its limits: nesting deeper than MaxDepth is an error, and repeated keys are
// given as often as they stand there. As in encoding/json, broken UTF-8 in a
// string is let through; Unescape replaces it. Nothing is kept of a line but
// slices of it, and a Scanner is for one goroutine.
//
// Source: RFC 8259.
package jsonline
