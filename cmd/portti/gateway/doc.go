// Package gateway puts the packages together: the devices' readings go into the
// buffer, the link takes them out, and this package dates, supervises and reports.
//
// See the example of Run.
//
// run.go reads from top to bottom. Next to the data path run:
//
//	dating.go      gives readings their time once the clock is trusted
//	supervise.go   checks every part each 1 to 5 s: problems, log, systemd
//	history.go     what these looks saw in the last day, history_outage.go: what became of the readings
//	selfreport.go  the gateway's own messages, lossreport.go: what was lost
//	downlink.go    what the server may ask for
//	control.go     the socket that the verbs ask, metrics.go: Prometheus
//	reload.go      another configuration in force, way.go: the link of the moment
//	trial.go       a configuration that is taken back, begin.go: at the next start
//
// # Promises
//
// A stop takes less than five seconds, whatever the server does, and loses nothing
// that was accepted; a slow card takes the time that it needs. The status document and the list of problems
// are functions of one snapshot of all parts (snapshot.go, report.go,
// findings.go). A part that does not move for 45 seconds, or three quarters of the
// watchdog's interval if that is less, is named, and the watchdog is no longer fed;
// so is the buffer where a single call of the disk does not return for a minute. Any
// number of slow calls, and of calls that fail, is a disk that gets on.
//
// A reload changes only what is different in the files, a section at a time, or where
// anything is wrong nothing. One on trial is taken back unless it comes online or is
// confirmed in its time, whatever happens to process and machine meanwhile.
//
// Status, Queue, History, Ping, ConfigDiff and Reload may be called from any goroutine; Run once.
package gateway
