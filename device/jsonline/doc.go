// Package jsonline reads one JSON object from one line without allocating.
// See the example.
//
// It promises that a line without error is exactly what encoding/json calls
// valid, and that it is an object. Nested objects and arrays are checked and
// passed over: their bytes are given as one value. Numbers are taken apart on
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
