package main

import "errors"

// The exit codes. Scripts and the unit file depend on them.
const (
	exitOK            = 0
	exitFailed        = 1   // ran, and found a problem or failed
	exitUsage         = 2   // wrong usage
	exitNotRunning    = 3   // the daemon is not running
	exitUnknown       = 4   // state unknown: no answer, or no permission
	exitDegraded      = 5   // running but degraded; only with status --exit-code
	exitNotConfigured = 6   // there is no configuration
	exitConfig        = 78  // configuration invalid; the unit does not restart on it
	exitInterrupted   = 130 // interrupted by the user
)

// exitError gives an error the exit code the program ends with. One without
// text ends the program silently.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit makes err end the program with code. A nil err says nothing more.
func exit(code int, err error) error { return &exitError{code: code, err: err} }

// usage marks err as wrong usage, unless it already has a code.
func usage(err error) error {
	var e *exitError
	if errors.As(err, &e) {
		return err
	}
	return exit(exitUsage, err)
}
