package thingsee

import (
	"fmt"
	"strings"
	"testing"
)

// TestFields: every field comes back, whatever its value holds.
func TestFields(t *testing.T) {
	var m Message
	for range 2 { // the second time with storage that is there already
		m.Reset(Generic, EventTimed)
		m.Decimal("a", -213, 1)
		m.Text("b", []byte(`x",\"c":1]`))
		m.Bool("c", true)
		m.Heartbeats([]Heartbeat{{Tuid: "X,Y"}, {Tuid: "Z"}})
		m.Int("d", 7)
		var out Message
		out.Reset(m.ID, m.Event)
		var names []string
		for f := m.Fields(); f.Next(); {
			names = append(names, string(f.Name))
			if !out.Copy(string(f.Name), f.Value) {
				t.Errorf("%s was not taken", f.Name)
			}
		}
		if got := strings.Join(names, " "); got != "a b c heartbeats d" {
			t.Errorf("names %q", got)
		}
		if got, want := string(out.Append(nil)), string(m.Append(nil)); got != want {
			t.Errorf("copied\n%s, want\n%s", got, want)
		}
		if out.Copy("a", []byte("1")) || out.Copy("tsmId", []byte("1")) {
			t.Error("a name that is there, or Thingsee's own, was taken")
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for f := m.Fields(); f.Next(); {
			_ = f.Value
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleMessage_Fields() {
	var m Message
	m.Reset(WeatherInfo, EventTimed)
	m.Decimal("temp", 213, 1)
	m.Int("humd", 40)
	for f := m.Fields(); f.Next(); {
		fmt.Printf("%s = %s\n", f.Name, f.Value)
	}
	// Output:
	// temp = 21.3
	// humd = 40
}
