// Package adv decodes Bluetooth Low Energy advertisements: Ruuvi, BTHome,
// MiBeacon, Eddystone and some thirty more families, encrypted ones as well. See
// the example; docs/ble.md lists the families, by what each is recognised, and
// from where its format is known.
//
// A Reader takes a payload into its elements, an Advert gathers them, whole or
// as a receiver took them apart, and a Decoder makes a Reading of it: values
// under the names that docs/ble.md gives with their units. A family is a table
// of rows, read by package fields, and where that does not say it all, a
// function.
//
// # Promises
//
// Any bytes are taken, and nothing is allocated. A value is exact, a whole number
// and how many of its digits are decimals; where the maker's description is a
// formula, it is rounded to two decimals. A value that the tag does not have is
// not there, and never a zero. What cannot be told apart is not decoded: where
// others use the same numbers, the local name or the address inside decides.
//
// A Key opens what its tag encrypts, by AES-CCM. Once there is a key, what comes in
// the clear under the tag's address is refused, and so is what was recorded and is
// played again, as far as the format counts: BTHome and MiBeacon by 32 bits, which
// begin anew with each Key; the encrypted forms of pvvx and atc1441 do not.
//
// # Limits
//
// It does not join a scan response with its advertisement: a family that needs a
// name must find it in the same Advert. MiBeacon 2 and 3 encrypted are not
// decrypted, since nothing would tell a wrong key. What is given points into the
// payload. A Reader, an Advert, a Reading and a Key are for one goroutine each.
//
// Sources: Bluetooth Core Specification, volume 3, part C, section 11, with its
// Supplement, part A; RFC 3610; for each family those named with it.
package adv
