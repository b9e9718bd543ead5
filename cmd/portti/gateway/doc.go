// Package gateway puts the packages together: the devices' readings go into the
// buffer, the link takes them out, and this package dates, supervises and reports.
//
// See the example of Run.
//
// run.go reads from top to bottom. Next to the data path run:
//
//	dating.go      gives readings their time once the clock is trusted
//	supervise.go   checks every part once a second: problems, log, systemd
//	selfreport.go  the gateway's own messages, lossreport.go: what was lost
//	downlink.go    what the server may ask for
//	control.go     the socket that the verbs ask, metrics.go: Prometheus
//
// # Promises
//
// A stop takes less than five seconds, whatever the server and the disk do, and
// loses nothing that was accepted. The status document and the list of problems
// are functions of one snapshot of all parts (snapshot.go, report.go,
// findings.go). A part that does not move for 45 seconds is named, and systemd's
// watchdog is no longer fed.
//
// Status, Queue and Reload may be called from any goroutine; Run once.
package gateway
