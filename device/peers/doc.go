// Package peers holds no code, only tests of package device against programs that
// nobody here wrote: gpsd, socat.
//
//	go test -tags peers ./device/peers
//
// A missing program skips its tests with the reason, and fails them when CI=true.
package peers
