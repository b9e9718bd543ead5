// Package status is the status document of a gateway, the ledger in it, and the
// catalogue of problems.
//
// The document is the one truth about a gateway at one moment. The gateway makes
// it; the terminal, the page and the metrics show it and work out nothing about
// health for themselves. As JSON it only grows.
//
// See the examples of Problems and Document.
//
// # Promises
//
// CheckLedger holds a document against the promise that no reading vanishes
// without an account. A problem is shown only after its quiet period, not while
// one that it follows from is open, and it keeps the time it began at for as long
// as it is found again. Foreign text in a sentence is cut and its control
// characters are escaped.
//
// Problems may be used from any goroutine; everything else is a value.
package status
