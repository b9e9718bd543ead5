// Package thingsee makes and reads Thingsee messages, the JSON objects that
// Haltian's devices speak: see the examples.
//
// It promises that what Append gives is valid JSON in valid UTF-8 whatever the
// adders were handed, with no key twice, header first and then the fields in
// the order of adding; that a Message in use does not allocate; that tsmTs
// keeps its milliseconds; and that FillTime turns what AppendProvisional wrote
// into exactly what Append would have written at that time.
//
// ParseCommands takes what a server wants done, strictly; tests read tolerantly
// with thingseetest. Lookup and MessageFor know the published messages and the
// fields of our private profile:
//
//	90100 GNSS fix detail: what 1210 has no place for
//	90120 geofence: which side of a border a thing is on now
//	90200 generic values: any numeric field, flat
//	90300 loss statement: which readings were lost, and why
//	90310 gateway health
//
// Profile 90 is not registered with Haltian.
//
// Limits: MaxFields fields, MaxName and MaxText bytes, times within the years
// that fit 64 bits of milliseconds. Nothing here reads a clock, and nothing is
// safe for concurrent use except the catalogue, which never changes.
//
// Sources: the message profile, header and best practice pages of
// developer.haltian.io (read 2026-01-30); support.haltian.com and
// wiki.thingsee.com for messages that stand only there.
package thingsee
