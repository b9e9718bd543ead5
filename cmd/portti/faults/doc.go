// Package faults holds the tests that break things under the real program:
//
//	make faults                                       # as root, on Linux
//	go test -tags faults -run KillLoop ./cmd/portti/faults
//	PORTTI_KILLS=500 PORTTI_SEED=7 go test -tags faults -run KillLoop -timeout 1h ./cmd/portti/faults
//
// Each test starts the built binary as a process of its own, with a real
// configuration, a pseudo-terminal for each device and a real server. Every
// reading that goes on a line carries a running number, so the oracle knows
// which were fed, which arrived, how often, and whether a repeat had the same
// bytes. What the gateway says of itself is held against that, and its ledger
// is checked each time it is asked.
//
// Files are named after what is broken: kill, stop, server, disk, syscall, stutter,
// unreadable, net, port, network, host. Networks are loopback or namespaces made for
// the test; disks are images on loop devices, memory file systems, or a file system
// of our own that misbehaves (rig/faultfs). All of it is taken down when a test ends,
// however it ends. A test whose tool is missing says so and is skipped; with CI=true
// it fails.
//
// The package has no code of its own outside of its tests.
package faults
