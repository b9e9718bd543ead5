// Package doctor looks for what is wrong with an installation: the configuration,
// the service, the ports, the clock, the card, the way to the server.
//
// A check is a value with a number, a title and a function. It is given a Host, the
// machine as it is to be looked at, and reports what it found: nothing else of the
// machine is touched, so that a test hands it a machine made of files. Checks run at
// the same time, each within its limit, and with or without a running gateway.
//
// # Promises
//
// A check changes nothing. What can be mended without harm comes with the finding as a
// Fix, which is run only when a person has agreed to it.
//
// A check that cannot look, for want of rights or of a running gateway, is skipped and
// says why: it has not passed. One that does not return in its time, or panics, is a
// warning and not the end of the others.
//
// Where the running gateway knows of a problem already, its sentence and advice are
// those of the catalogue in package status: a check judges the machine, and never
// again what the gateway judged.
package doctor
