//go:build faults

package faults

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

// mark is what a reading is known by: whose it is and its running number.
type mark struct {
	tuid string
	n    int
}

// oracle remembers every reading that a server handled.
type oracle struct {
	mu      sync.Mutex
	first   map[mark][]byte
	repeats int
	wrong   []string // what should never have come
	last    map[string]int
	turned  int // readings that came for the first time, but after a younger one
	// retimed: a repeat may bear another time, since its boot's could not be
	// saved before the process ended.
	retimed bool
}

// statedLoss is the tsmId with which a gateway itself says what it lost.
const statedLoss = 90300

func newOracle() *oracle {
	return &oracle{first: map[mark][]byte{}, last: map[string]int{}}
}

// take has the shape of bench.Options.OnMessage.
func (o *oracle) take(msg []byte, _ bool) {
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
	k := mark{m.Tuid, *m.N}
	before, repeat := o.first[k]
	switch {
	case !repeat:
		o.first[k] = bytes.Clone(msg)
		if k.n < o.last[k.tuid] {
			o.turned++
		}
		o.last[k.tuid] = max(o.last[k.tuid], k.n)
	case bytes.Equal(before, msg), o.retimed && bytes.Equal(timeless(before), timeless(msg)):
		o.repeats++
	default:
		o.wrong = append(o.wrong, "came again with other bytes: "+string(before)+" then "+string(msg))
	}
}

// timeless is a message without its time and the error of that.
func timeless(msg []byte) []byte {
	return regexp.MustCompile(`"tsmTs":[0-9.]+,("tsErr":[0-9]+,)?`).ReplaceAll(msg, nil)
}

// takeFile takes what a receiver process wrote; a last line without its end
// was never proven.
func (o *oracle) takeFile(t *testing.T, path string) {
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
			o.take([]byte(line), false)
		}
	}
}

func (o *oracle) count(tuid string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for k := range o.first {
		if k.tuid == tuid {
			n++
		}
	}
	return n
}

// newest is the highest number that came.
func (o *oracle) newest(tuid string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[tuid]
}

// missing lists which of from..through did not come.
func (o *oracle) missing(tuid string, from, through int) []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []int
	for n := from; n <= through; n++ {
		if _, ok := o.first[mark{tuid, n}]; !ok {
			out = append(out, n)
		}
	}
	return out
}

// honest fails the test if anything came that was never fed, or a repeat
// differed.
func (o *oracle) honest(t *testing.T, lines ...*line) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.wrong) > 0 {
		t.Errorf("%d wrong messages, the first: %s", len(o.wrong), o.wrong[0])
	}
	fed := map[string]int{}
	for _, l := range lines {
		fed[l.tuid] = l.count()
	}
	for k := range o.first {
		if k.n < 1 || k.n > fed[k.tuid] {
			t.Errorf("%s number %d was never fed", k.tuid, k.n)
		}
	}
}
