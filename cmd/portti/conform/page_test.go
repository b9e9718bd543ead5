package conform

import (
	"os"
	"strings"
	"testing"
)

// docs/receivers.md says of every rule what is played.
func TestPageHasEveryRule(t *testing.T) {
	page, err := os.ReadFile("../../../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(append(envelopeRules(), plainRules()...), rule{name: "kill"}, rule{name: "stored once"}) {
		if !strings.Contains(string(page), "\n| "+r.name+" | ") {
			t.Errorf("docs/receivers.md does not say what the rule %q plays", r.name)
		}
	}
}
