// Package fields reads numbers out of binary frames by rows of a table: what a
// data sheet says about a byte format, written down as data. See the example.
//
// A Row says where a number stands, how it is written, and what it means:
//
//	value = (number x Mul + Add) / 10^Decimals
//
// in whole numbers, so that 0.1 stays a tenth. A number in its own right is
// what is left of the bytes after Shift and Bits, sign, Div and Mod, in this
// order.
//
// # Promises
//
// A frame may have any length: a row that reaches beyond it is Short. Nothing is
// made up: what the frame marks as not available, what is no number and what is
// out of the limits are told apart, and give no value. Nothing is rounded,
// except decimals behind the eighteenth of a floating-point number. Nothing is
// allocated. A Row that Check accepts cannot overflow unnoticed: what does is
// Outside.
//
// # Limits
//
// 64 bits a number. One row is one run of bytes: bits of one number that stand
// apart are two rows. It does not find frames, and knows no checksums. A text
// has no exponent.
package fields
