package status

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"time"
)

// Severity says how bad a problem is.
type Severity string

// The severities, mildest first.
const (
	Info    Severity = "info"    // to be known, nothing to do
	Warning Severity = "warning" // degraded, mends itself or can wait
	Error   Severity = "error"   // a person has to act
)

func (s Severity) rank() int {
	switch s {
	case Error:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// Problem is one open problem as the status document shows it.
type Problem struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Subject  string   `json:"subject"` // what it is about, such as a device's name; may be empty
	Sentence string   `json:"sentence"`
	Action   string   `json:"action"` // the first thing to do
	Actions  []string `json:"actions"`
	// Commands has for each of Actions the first command to type, or "".
	Commands []string `json:"commands"`
	// Args are the values in the sentence, for a face in another language.
	Args        map[string]string `json:"args,omitempty"`
	ImpactsData bool              `json:"impacts_data"` // readings are or may be lost
	Since       time.Time         `json:"since"`
	SinceS      float64           `json:"since_s"`

	key string
}

// Problems keeps what is wrong right now. It knows the catalogue: a problem is
// shown only after its quiet period, and not while a problem it follows from
// is there. All methods may be called from any goroutine.
//
// Make one with NewProblems.
type Problems struct {
	catalogue map[string]Entry

	mu    sync.Mutex
	open  map[string]*opened
	shown map[string]Problem // what Changes last told
}

// opened is a raised problem, seen or not.
type opened struct {
	entry    Entry
	subject  string
	args     []string // of the sentence
	sentence string
	actions  []string
	commands []string
	since    time.Time
}

// values are the arguments by name.
func (o *opened) values() map[string]string {
	if len(o.args) < 2 {
		return nil
	}
	all := make(map[string]string, len(o.args)/2)
	for i := 0; i+1 < len(o.args); i += 2 {
		all[o.args[i]] = plain(Clean(o.args[i+1], 320))
	}
	return all
}

// NewProblems gives an empty list. It knows the Catalogue and more, the problems
// that the drivers have of their own.
func NewProblems(more ...Entry) *Problems {
	p := &Problems{catalogue: map[string]Entry{}, open: map[string]*opened{}, shown: map[string]Problem{}}
	for _, e := range append(Catalogue(), more...) {
		p.catalogue[e.Code] = e
	}
	return p
}

// Finding is something that is wrong at one moment: a code of the catalogue,
// what it is about (a device's name; "" for the gateway itself), and names and
// values for the sentence's places, in turn: "port", "/dev/ttyUSB0".
type Finding struct {
	Code, Subject string
	Args          []string
}

// Sync takes everything that is wrong now. A problem that is found again keeps
// the time it was opened at and gets the new sentence; one that is not found any
// more is closed. A code that the catalogue lacks is shown as it is, so that a
// mistake in the program does not hide a fault of the gateway.
func (p *Problems) Sync(now []Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := make(map[string]*opened, len(now))
	for _, f := range now {
		key := f.Code + "\x00" + f.Subject
		o := p.open[key]
		if o == nil {
			o = &opened{entry: p.entry(f.Code), subject: f.Subject, since: time.Now()}
		}
		if o.sentence == "" || !slices.Equal(o.args, f.Args) { // most are the same, once a second
			o.args = f.Args
			args := append([]string{"subject", f.Subject}, f.Args...)
			o.sentence = o.entry.Say(args...)
			o.actions, o.commands = o.entry.Advise(args...)
		}
		open[key] = o
	}
	p.open = open
}

func (p *Problems) entry(code string) Entry {
	if entry, ok := p.catalogue[code]; ok {
		return entry
	}
	return Entry{Code: code, Severity: Warning, Title: code, Sentence: code, Actions: []string{"Look at the log: journalctl -u portti"}}
}

// Active lists what is to be shown, worst first, then by code and subject. It
// is never nil, so that JSON has a list.
func (p *Problems) Active() []Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.activeLocked(Entry.shownAfter)
}

func (e Entry) shownAfter() time.Duration  { return e.ShowAfter }
func (e Entry) loggedAfter() time.Duration { return max(e.ShowAfter, e.LogAfter) }

func (p *Problems) activeLocked(quiet func(Entry) time.Duration) []Problem {
	now := time.Now()
	codes := map[string][]string{} // open codes and their subjects
	for _, o := range p.open {
		codes[o.entry.Code] = append(codes[o.entry.Code], o.subject)
	}
	list := []Problem{}
	for key, o := range p.open {
		age := now.Sub(o.since)
		if age < quiet(o.entry) || hidden(o, codes) {
			continue
		}
		list = append(list, Problem{
			Code: o.entry.Code, Severity: o.entry.Severity, Title: o.entry.Title, Subject: o.subject,
			Sentence: o.sentence, Action: o.actions[0], Actions: o.actions, Commands: o.commands, Args: o.values(),
			ImpactsData: o.entry.ImpactsData, Since: o.since.UTC(), SinceS: Seconds(age), key: key,
		})
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(a.Severity.rank(), b.Severity.rank()), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject)) < 0
	})
	return list
}

// hidden says whether a problem that o follows from is open: about the same
// subject, or about the gateway as a whole.
func hidden(o *opened, codes map[string][]string) bool {
	for _, root := range o.entry.DependsOn {
		for _, subject := range codes[root] {
			if subject == "" || subject == o.subject {
				return true
			}
		}
	}
	return false
}

// Changes tells what has come into view and what has gone since it was last
// called: what the log says. It waits longer than Active.
func (p *Problems) Changes() (raised, cleared []Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := map[string]Problem{}
	for _, a := range p.activeLocked(Entry.loggedAfter) {
		if _, was := p.shown[a.key]; !was {
			raised = append(raised, a)
		}
		now[a.key] = a
	}
	for key, was := range p.shown {
		if _, is := now[key]; !is {
			cleared = append(cleared, was)
		}
	}
	sort.Slice(cleared, func(i, j int) bool { return cleared[i].key < cleared[j].key })
	p.shown = now
	return raised, cleared
}
