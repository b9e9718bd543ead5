// Package adv takes Bluetooth Low Energy advertisements apart.
// See the example.
//
// It promises to take any bytes, to allocate nothing, to give only elements
// that are whole, and values without rounding: a whole number and how many of
// its digits are decimals. A value the tag does not have is not Known, and
// never a zero.
//
// Its limits: it does not join a scan response with its advertisement, and
// does not decrypt. What it gives points into the payload. A Reader is for one
// goroutine.
//
// Sources: Bluetooth Core Specification, volume 3, part C, section 11, with
// its Supplement, part A; Ruuvi's page on data format 5 (docs.ruuvi.com).
package adv
