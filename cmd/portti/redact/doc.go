// Package redact takes secrets out of text that leaves the machine, such as the files
// of a support bundle. See the example.
//
// It is the last of three layers: secrets have types that do not print, only settings
// that are known to be safe are shown, and what is left of either is looked for here.
//
// # Promises
//
// A known secret is found as it is, with upper and lower case exchanged, escaped as in
// JSON, TOML and addresses, in hexadecimal, and in base64 and base64url wherever it
// begins among other bytes; any Window bytes of one of these forms are enough, so that
// a secret that was cut is found too. What has the shape of a secret is taken out
// whether it is known or not. Only values are taken out, and names, quotes and the ends of
// lines stay, so that JSON of everyday text is JSON afterwards.
//
// A Scrubber sees a file as a whole, so nothing hides at the edge of two pieces. It
// knows nothing of portti, opens no file, and may be used by several goroutines.
package redact
