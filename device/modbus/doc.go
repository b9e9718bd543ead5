// Package modbus speaks the master's side of Modbus RTU: it builds the requests
// that read (functions 1 to 4), finds the answers in a byte stream, plans how few
// requests a list of registers needs, and puts values of several registers in order.
// See the example.
//
// It promises to take any bytes, to allocate nothing but in Plan, and to look at
// no byte beyond what was given. An answer counts only with the unit, the function
// and the length that were asked for and with the right checksum, so an echo of the
// request, line noise and another unit's frames are passed over.
//
// Its limits: an answer does not carry the address that was asked for. One that
// comes after its time-out, while the next request with the same unit, function and
// length is out, cannot be told from the right one; whoever asks must let the line
// fall silent first. Nothing is ever written to a unit's registers.
//
// Sources: MODBUS Application Protocol Specification V1.1b3 (sections 4, 6.1 to
// 6.4, 7) and MODBUS over Serial Line Specification and Implementation Guide V1.02
// (sections 2.5.1 and 6.2), both free at modbus.org. Values of more than one
// register are not in them: makers put the high or the low word first.
package modbus
