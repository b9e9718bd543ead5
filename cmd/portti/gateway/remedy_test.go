package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"portti/cmd/portti/config"
	"portti/uplink"
)

// TestNewAddress: the counters go on when the address is changed, and say nothing of the new one.
func TestNewAddress(t *testing.T) {
	if got := newAddress(uplink.Status{Connects: 3}); !strings.Contains(got, "portti setup") {
		t.Errorf("an address without proof: %s", got)
	}
	if got := newAddress(uplink.Status{Connects: 3, Reached: true}); !strings.Contains(got, "worked before") {
		t.Errorf("one that worked: %s", got)
	}
}

// TestRejectedIsOneSentence: no line of the file and no mark under it is part of a sentence.
func TestRejectedIsOneSentence(t *testing.T) {
	fault := config.Fault{File: "a.toml", Line: 3, Column: 8, Text: `"type" cannot be "linse"`, Excerpt: `type = "linse"`, Hint: "did you mean lines?"}
	err := fmt.Errorf("cannot load: %w", &config.Error{Faults: []config.Fault{fault, fault, fault}})
	if got := rejected("CFG-INVALID", err).why; got != `a.toml:3:8: "type" cannot be "linse", and 2 more` {
		t.Errorf("%q", got)
	}
	if got := rejected("CFG-REFUSED", errors.New("no room")).why; got != "no room" {
		t.Errorf("%q", got)
	}
}
