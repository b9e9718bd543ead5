package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestDocumentKeepsItsNames: scripts depend on these paths; the document may
// only grow.
func TestDocumentKeepsItsNames(t *testing.T) {
	text, err := json.Marshal(Document{Devices: []Device{{}}, Problems: []Problem{{}}})
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(`schema version gateway.id
		link.state link.since link.dialect link.rtt_ms link.last_error link.problem link.server_messages link.server_kinds
		buffer.waiting buffer.waiting_memory buffer.waiting_disk buffer.bytes buffer.oldest_age_s buffer.headroom_s buffer.capacity_bytes
		totals.read totals.accepted totals.acked totals.resent totals.quarantined
		totals.lost.full totals.lost.age totals.lost.rate totals.lost.memory totals.lost.io totals.lost.corrupt totals.lost.rollback totals.lost.shrink
		clock.trusted clock.source
		devices.name devices.type devices.port devices.state devices.last_age_s devices.rate_hz devices.read devices.bad devices.unknown
		problems.code problems.severity problems.sentence problems.action`) {
		at := doc
		for _, part := range strings.Split(path, ".") {
			if list, ok := at.([]any); ok {
				at = list[0]
			}
			table, _ := at.(map[string]any)
			var ok bool
			if at, ok = table[part]; !ok {
				t.Errorf("%s is gone", path)
				break
			}
		}
	}
}

func TestLossesSurviveTheRoundTrip(t *testing.T) {
	s := Document{Totals: Totals{Ledger: Ledger{Read: 3, Lost: Losses{"age": 2, "new": 1}}}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Document
	if err := json.Unmarshal(text, &back); err != nil || back.Totals.Lost["age"] != 2 || back.Totals.Lost["new"] != 1 || back.Totals.Lost.Sum() != 3 {
		t.Errorf("%v %v", back.Totals, err)
	}
}

// balanced is a document whose books add up.
func balanced() *Document {
	return &Document{
		Totals: Totals{Ledger: Ledger{Read: 100, Acked: 80, Waiting: 12, Quarantined: 1, Lost: Losses{"age": 7}}},
		Buffer: Buffer{Waiting: 12, WaitingMemory: 5, WaitingDisk: 7},
		Devices: []Device{
			{Name: "a", Ledger: Ledger{Read: 60, Acked: 50, Waiting: 6, Lost: Losses{"age": 4}}},
			{Name: "b", Ledger: Ledger{Read: 30, Acked: 25, Waiting: 2, Quarantined: 1, Lost: Losses{"age": 2}}},
		},
	}
}

func TestLedgerCheckFindsEveryCookedBook(t *testing.T) {
	if err := balanced().CheckLedger(); err != nil {
		t.Fatal(err)
	}
	for name, cook := range map[string]func(*Document){
		"read too high":             func(s *Document) { s.Totals.Read++ },
		"acked too high":            func(s *Document) { s.Totals.Acked++ },
		"a loss without account":    func(s *Document) { s.Totals.Lost["age"]-- },
		"waiting in two tellings":   func(s *Document) { s.Buffer.Waiting, s.Buffer.WaitingDisk = 13, 8 },
		"memory and disk":           func(s *Document) { s.Buffer.WaitingDisk++ },
		"a device does not balance": func(s *Document) { s.Devices[1].Ledger.Acked-- },
		"devices have more acked": func(s *Document) {
			s.Devices[0].Ledger.Read += 31
			s.Devices[0].Ledger.Acked += 31
		},
		"devices have more waiting": func(s *Document) {
			s.Devices[0].Ledger.Waiting += 10
			s.Devices[0].Ledger.Acked -= 10
		},
		"devices lost more of a kind": func(s *Document) {
			s.Devices[0].Ledger.Lost = Losses{"full": 4}
		},
		"devices set aside more": func(s *Document) {
			s.Devices[0].Ledger.Quarantined++
			s.Devices[0].Ledger.Acked--
		},
	} {
		s := balanced()
		cook(s)
		if s.CheckLedger() == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestDegraded(t *testing.T) {
	for name, c := range map[string]struct {
		s    Document
		want bool
	}{
		"nothing":    {Document{}, false},
		"connecting": {Document{Link: Link{State: LinkConnecting}}, false},
		"waiting":    {Document{Link: Link{State: LinkWaiting}}, true},
		"parked":     {Document{Link: Link{State: LinkParked}}, true},
		"disk":       {Document{Buffer: Buffer{State: BufferDegraded}}, true},
		"info":       {Document{Problems: []Problem{{Severity: Info}}}, false},
		"warning":    {Document{Problems: []Problem{{Severity: Warning}}}, true},
	} {
		if c.s.Degraded() != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
	if s := Seconds(1234567 * time.Microsecond); s != 1.235 {
		t.Errorf("%v", s)
	}
}

// Outside its hours the link is at rest and not at fault.
func TestUplinkHoursInTheStatus(t *testing.T) {
	s := Document{Link: Link{State: LinkWaiting, OpensS: 3600}, Buffer: Buffer{Waiting: 12}}
	if s.Degraded() {
		t.Error("resting counts as a fault")
	}
	if got, want := s.Glance(), "Outside the uplink hours, which begin in 1 h 0 min; 12 readings wait, nothing lost."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Link.OpensS = 0
	if !s.Degraded() {
		t.Error("waiting for the server is no fault")
	}
}
