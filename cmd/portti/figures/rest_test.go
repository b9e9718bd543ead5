//go:build figures

package figures

import "testing"

func sizes(t *testing.T, p plan) []row        { return nil }
func instructions(t *testing.T, p plan) []row { return nil }
func allocations(t *testing.T, p plan) []row  { return nil }
