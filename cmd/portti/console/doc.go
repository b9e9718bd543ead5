// Package console draws the status document on a terminal.
//
// See the examples of Render and Short.
//
// It fits 80 columns, needs neither colour nor UTF-8, and never judges: what
// is a problem stands in the document. Colour is never the only sign of
// anything, the marks differ in shape as well.
//
// Text that came from outside (names, details, what a server said) is cut, and
// its control characters are escaped, so that nobody can paint on the screen
// of the person who looks.
//
// All functions are pure: the same document gives the same text. The wording
// may change from version to version; programs read the JSON.
package console
