package rig

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Mark is what a reading is known by: whose it is and its running number.
type Mark struct {
	Tuid string
	N    int
}

// Oracle remembers every reading that a server handled.
type Oracle struct {
	// Retimed: a repeat may bear another time, since its boot's could not be
	// saved before the process ended.
	Retimed bool

	mu      sync.Mutex
	first   map[Mark][]byte
	count   map[string]int // of first, by whose they are
	last    map[string]int
	repeats int
	wrong   []string // what should never have come
}

// statedLoss is the tsmId with which a gateway itself says what it lost.
const statedLoss = 90300

// NewOracle has seen nothing yet.
func NewOracle() *Oracle {
	return &Oracle{first: map[Mark][]byte{}, count: map[string]int{}, last: map[string]int{}}
}

// Take has the shape of testbed.Options.OnMessage.
func (o *Oracle) Take(msg []byte, _ bool) {
	var m struct {
		ID   int    `json:"tsmId"`
		Tuid string `json:"tsmTuid"`
		N    *int   `json:"n"`
	}
	err := json.Unmarshal(msg, &m)
	if m.ID == statedLoss {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || m.N == nil {
		o.wrong = append(o.wrong, "without a number: "+string(msg))
		return
	}
	k := Mark{m.Tuid, *m.N}
	before, repeat := o.first[k]
	switch {
	case !repeat:
		o.first[k] = bytes.Clone(msg)
		o.count[k.Tuid]++
		o.last[k.Tuid] = max(o.last[k.Tuid], k.N)
	case bytes.Equal(before, msg), o.Retimed && bytes.Equal(timeless(before), timeless(msg)):
		o.repeats++
	default:
		o.wrong = append(o.wrong, "came again with other bytes: "+string(before)+" then "+string(msg))
	}
}

// timeless is a message without its time and the error of that.
func timeless(msg []byte) []byte {
	return regexp.MustCompile(`"tsmTs":[0-9.]+,("tsErr":[0-9]+,)?`).ReplaceAll(msg, nil)
}

// TakeFile takes what a receiver process wrote; a last line without its end
// was never proven.
func (o *Oracle) TakeFile(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line = strings.TrimSpace(line); json.Valid([]byte(line)) {
			o.Take([]byte(line), false)
		}
	}
}

// Count is how many different readings of one line came.
func (o *Oracle) Count(tuid string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count[tuid]
}

// Repeats is how many readings came again as they were.
func (o *Oracle) Repeats() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.repeats
}

// Newest is the highest number that came.
func (o *Oracle) Newest(tuid string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[tuid]
}

// Missing lists which of from..through did not come.
func (o *Oracle) Missing(tuid string, from, through int) []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []int
	for n := from; n <= through; n++ {
		if _, ok := o.first[Mark{tuid, n}]; !ok {
			out = append(out, n)
		}
	}
	return out
}

// Honest fails the test if anything came that was never fed, or a repeat
// differed.
func (o *Oracle) Honest(t testing.TB, lines ...*Line) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.wrong) > 0 {
		t.Errorf("%d wrong messages, the first: %s", len(o.wrong), o.wrong[0])
	}
	fed := map[string]int{}
	for _, l := range lines {
		fed[l.Tuid] = l.Count()
	}
	for k := range o.first {
		if k.N < 1 || k.N > fed[k.Tuid] {
			t.Errorf("%s number %d was never fed", k.Tuid, k.N)
		}
	}
}
