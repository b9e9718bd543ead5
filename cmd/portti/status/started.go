package status

import (
	"fmt"
	"time"
)

// Why the run before this one ended.
const (
	StartFirst         = "first-start"   // there was none
	StartStopped       = "stopped"       // in order
	StartUpdate        = "update"        // in order, and the program is another one now
	StartReboot        = "reboot"        // in order, and the machine was started again
	StartPowerCut      = "power-cut"     // not in order, and the machine was started again
	StartWatchdog      = "watchdog"      // a part was stuck
	StartMemory        = "memory"        // the kernel had none left
	StartKilled        = "killed"        // by a signal
	StartCrashed       = "crashed"       // it ended by itself with an error
	StartConfiguration = "configuration" // a start was refused, since then it was mended
)

// Started says how the run before this one ended.
type Started struct {
	Reason string `json:"reason"` // "" = not known
	// Before is the version that ran then, where it is another.
	Before string `json:"before,omitempty"`
	// At is when that run ended; of one that was cut off, until when it is known to have
	// run. nil where the clock was not set.
	At *time.Time `json:"at,omitempty"`
	// Detail is the signal or the exit status, and the last words.
	Detail string `json:"detail,omitempty"`
}

// Unclean says that the run before did not end in order.
func (s Started) Unclean() bool {
	switch s.Reason {
	case StartPowerCut, StartWatchdog, StartMemory, StartKilled, StartCrashed:
		return true
	}
	return false
}

// Sentence is for people; "" where nothing is out of the ordinary.
func (s Started) Sentence() string {
	detail := ""
	if s.Detail != "" {
		detail = " (" + s.Detail + ")"
	}
	switch s.Reason {
	case StartUpdate:
		return fmt.Sprintf("Updated from %s.", s.Before)
	case StartPowerCut:
		return "Started after a power cut."
	case StartWatchdog:
		return "Started again by the watchdog: a part was stuck."
	case StartMemory:
		return "Started again after the kernel ran out of memory and ended it."
	case StartKilled:
		return "Started again after it was killed" + detail + "."
	case StartCrashed:
		return "Started again after it failed" + detail + "."
	case StartConfiguration:
		return "Started after the configuration was mended."
	}
	return ""
}
