// Package peers holds no code, only tests of package uplink against servers
// that nobody here wrote: Node's ws, Python's websockets, and nginx in front; and
// against the programs of docs/receivers.md, as they stand on that page.
//
//	go test -tags peers ./uplink/peers
//
// They need npm with its registry, /usr/bin/python3 with python3-websockets, nats-server
// and nginx, each only for its own tests. A missing tool skips its tests with
// the reason, and fails them when CI=true.
package peers
