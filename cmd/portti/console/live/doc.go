// Package live is the view of a running gateway that keeps itself up to date, on a
// terminal: the link, the buffer, each device with its last minutes, and problems as they
// come and go. Run shows it until the user has enough.
//
// # Promises
//
//   - It judges nothing: what is wrong stands in the status document.
//   - The terminal is as it was when Run returns, for whatever reason: a key, a signal, a
//     panic in any of its goroutines. It is as well while the program is stopped by Ctrl-Z.
//   - It writes only the characters that have changed, twice a second at most, so that a line
//     of 9600 baud is enough. Nothing changes on a quiet gateway but the times in it.
//   - Colour is of the 16 and repeats what a shape says. Without UTF-8 all is ASCII.
//   - A gateway that does not answer is said, and asked again.
//   - Text from outside cannot act on the terminal.
//
// # Why no library
//
// bubbletea 1.3.10 asks the terminal for its colours in an init function, so that each verb
// of a program that imports it does: `portti version` writes 10 bytes that a serial console
// shows or answers, changes the terminal's modes, and waits 5 s for an answer where none
// comes (measured on a pseudo-terminal with TERM=vt102). It adds 0.46 MB on armv6, and
// writes changed lines as a whole, which is several times the bytes.
package live
