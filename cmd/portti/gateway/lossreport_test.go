package gateway_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"portti/cmd/portti/gateway"
	"portti/cmd/portti/rig"
	"portti/cmd/portti/status"
	"portti/cmd/portti/testbed"
)

// lines keeps what a receiver prints, one message a line.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// stated is how many readings the server was told are lost, by reason; repeats
// of one message count once.
func (l *lines) stated(t *testing.T) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum, seen := map[string]int{}, map[float64]bool{}
	for line := range bytes.Lines(l.text.Bytes()) {
		var m struct {
			ID     int     `json:"tsmId"`
			Ts     float64 `json:"tsmTs"`
			Tuid   string  `json:"tsmTuid"`
			Reason string  `json:"reason"`
			Device string  `json:"device"`
			Count  int     `json:"count"`
		}
		if json.Unmarshal(line, &m) != nil || m.ID != 90300 || seen[m.Ts] {
			continue
		}
		if m.Tuid != "XXXX00TEST0000001" || m.Device != "panel" {
			t.Errorf("loss report %s", line)
		}
		seen[m.Ts] = true
		sum[m.Reason] += m.Count
	}
	return sum
}

// What is lost while the server is away is told to it when it is back, once,
// also when the gateway was stopped in between.
func TestLossIsStatedToTheServer(t *testing.T) {
	t.Parallel()
	out := &lines{}
	s := rig.New(t, testbed.Options{Out: out})
	s.Device = "rate_limit = 1"
	s.Server.Refuse(true)
	g := s.Run(gateway.Options{})
	s.Line().Feed(200)
	st := g.Until("200 are read and most are lost", func(st *status.Document) bool {
		return st.Totals.Read == 200 && st.Totals.Lost["rate"] > 100
	})
	lost := int(st.Totals.Lost["rate"])
	if len(out.stated(t)) != 0 {
		t.Error("stated without a link")
	}
	g.Halt()
	s.Server.Refuse(false)
	g = s.Run(gateway.Options{})
	g.Until("the loss is stated", func(*status.Document) bool { return out.stated(t)["rate"] == lost })
	g.Until("and the report is proven", func(st *status.Document) bool { return st.Totals.Waiting == 0 })
	g.Halt()

	g = s.Run(gateway.Options{})
	s.Line().Feed(1)
	g.Until("a reading arrives after the next start", func(st *status.Document) bool {
		return st.Totals.Waiting == 0 && st.Link.State == status.LinkOnline && st.UptimeS > 2
	})
	g.Halt()
	if got := out.stated(t); len(got) != 1 || got["rate"] != lost {
		t.Errorf("stated %v, lost %d for their rate", got, lost)
	}

	// Without the note it is told again rather than not at all.
	if err := os.Remove(filepath.Join(s.Dir, "state", "stated.json")); err != nil {
		t.Fatal(err)
	}
	g = s.Run(gateway.Options{})
	g.Until("it is stated again", func(*status.Document) bool { return out.stated(t)["rate"] == 2*lost })
	g.Halt()
}
