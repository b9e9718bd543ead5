package main

import (
	"strings"
	"testing"
)

// TestExplanationsAreWhole: what a gateway works out for itself has something in its place
// that fits the problem.
func TestExplanationsAreWhole(t *testing.T) {
	want := map[string]string{"NET-NO-ROUTE": "cable", "DEV-GONE": "Plug", "DEV-WRONG-BAUD": "portti discover", "BUF-READONLY": "restart",
		"UP-AUTH-REJECTED": "portti login", "UP-NOTFOUND": "portti setup", "HW-PERMISSION": "dialout"}
	for _, x := range explanations() {
		for _, a := range x.Actions {
			if strings.Contains(a, "{") || strings.ToUpper(a) == a {
				t.Errorf("%s: %q is no advice", x.Code, a)
			}
		}
		if w := want[x.Code]; w != "" && !strings.Contains(x.Actions[0], w) {
			t.Errorf("%s: the first advice is %q, which does not speak of %q", x.Code, x.Actions[0], w)
		}
		delete(want, x.Code)
	}
	if len(want) > 0 {
		t.Errorf("not in the catalogue: %v", want)
	}
}
