package device

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"portti/device/thingsee"
)

// Report is [device.report]: which readings of a device are sent. What is held back is
// counted, as Status.Withheld; events are always sent. See docs/report.md.
type Report struct {
	Band    map[string]float64 `toml:"band" json:"band,omitzero"`         // by field: how far from the last one sent is no change
	AtLeast string             `toml:"at_least" json:"at_least,omitzero"` // duration text: sent after that though nothing has changed
	AtMost  string             `toml:"at_most" json:"at_most,omitzero"`   // duration text: not sent again sooner, whatever has changed
	Every   string             `toml:"every" json:"every,omitzero"`       // duration text: instead, one message in that time
	Value   string             `toml:"value" json:"value,omitzero"`       // of it: last (default) | mean | min | max
}

// The values of value.
const (
	reportLast = "last"
	reportMean = "mean"
	reportMin  = "min"
	reportMax  = "max"
)

const (
	maxBands      = 64
	maxReported   = 4096 // streams that are remembered; one that gives way is sent when it comes again
	longestReport = 24 * time.Hour
	shortReport   = 100 * time.Millisecond
)

// check says what is wrong with it, all problems at once.
func (c *Report) check() (errs []error) {
	bad := func(key, rule string, args ...any) { errs = append(errs, keyError("report."+key, rule, args...)) }
	for _, t := range []struct{ key, text string }{{"at_least", c.AtLeast}, {"at_most", c.AtMost}, {"every", c.Every}} {
		if d, err := time.ParseDuration(t.text); t.text != "" && (err != nil || d < shortReport || d > longestReport) {
			bad(t.key, `must be a time such as "10s" or "10m", from %v to 24h`, shortReport)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Band)) {
		if !thingsee.ValidName(name) || thingsee.Reserved(name) {
			bad("band."+name, "must stand for a field of a message, such as temp")
		}
		if w := c.Band[name]; !(w >= 0 && w <= math.MaxFloat64) {
			bad("band."+name, "must be a number from 0 (any change) on, in the field's unit")
		}
	}
	least, most := reportTime(c.AtLeast), reportTime(c.AtMost)
	switch {
	case len(c.Band) > maxBands:
		bad("band", "cannot have more than %d fields", maxBands)
	case c.Every != "" && (c.Band != nil || c.AtLeast != "" || c.AtMost != ""):
		bad("every", "cannot be used together with band, at_least and at_most")
	case c.Every == "" && c.Value != "":
		bad("value", "needs every")
	case !slices.Contains([]string{"", reportLast, reportMean, reportMin, reportMax}, c.Value):
		bad("value", "must be last, mean, min or max")
	case c.AtLeast != "" && len(c.Band) == 0:
		bad("at_least", "needs band: without one every reading is sent anyway")
	case least > 0 && least < most:
		bad("at_least", "must not be shorter than at_most")
	case c.Every == "" && c.AtMost == "" && len(c.Band) == 0:
		errs = append(errs, keyError("report", "must have band, at_most or every"))
	}
	return errs
}

// reportTime is a time in milliseconds, 0 for none.
func reportTime(text string) int64 {
	d, _ := time.ParseDuration(text)
	return d.Milliseconds()
}

// reporter decides which readings of one device are sent, and belongs to the goroutine
// that runs its driver.
type reporter struct {
	bands                  []band
	atLeast, atMost, every int64 // milliseconds, 0 = not set
	value                  string

	streams        map[streamKey]*stream
	newest, oldest *stream
	msg            thingsee.Message // gathered
}

type band struct {
	name  string
	width float64
}

// streamKey is what readings belong together: one thing's of one kind.
type streamKey struct {
	tuid string
	id   int
}

// stream is what is remembered of one.
type stream struct {
	key          streamKey
	newer, older *stream
	sent         int64     // when, in milliseconds since boot
	last         []float64 // what was sent, by band; NaN = it was not there
	now          []float64 // likewise, of the reading in hand
	unsent       bool      // and it was lost, so that the next one has something to say
	due          int64     // when what was gathered is sent
	sums         []gathered
}

// gathered is what was gathered of one field.
type gathered struct {
	name     string
	last     bool // only the last one is sent: a direction or a place
	n        int
	total    float64
	min, max float64
	places   int
}

// newReporter makes the reporter of a configuration that was checked; nil = all is sent.
func newReporter(c *Report) *reporter {
	if c == nil {
		return nil
	}
	r := &reporter{
		atLeast: reportTime(c.AtLeast), atMost: reportTime(c.AtMost), every: reportTime(c.Every),
		value: c.Value, streams: map[streamKey]*stream{},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Band)) {
		r.bands = append(r.bands, band{name, c.Band[name]})
	}
	return r
}

// pass gives what is to be sent where m was read: m, what was gathered, or nothing.
func (r *reporter) pass(m *thingsee.Message, tuid string, now int64) *thingsee.Message {
	if m.Event != thingsee.EventTimed {
		return m
	}
	s, known := r.stream(tuid, m.ID)
	if r.every > 0 {
		return r.gather(s, known, m, now)
	}
	governed := r.look(s, m)
	switch gone := now - s.sent; {
	case !known:
	case gone < r.atMost:
		return nil
	case governed && !s.unsent && !r.changed(s) && (r.atLeast == 0 || gone < r.atLeast):
		return nil
	}
	s.sent, s.unsent = now, false
	copy(s.last, s.now)
	return m
}

// lost says that m, which pass has just let through, did not get through after all. The
// server does not know what it said, so the next reading of its stream is no repeat.
func (r *reporter) lost(m *thingsee.Message) {
	if r != nil && m.Event == thingsee.EventTimed {
		r.newest.unsent = true
	}
}

// look notes the reading's fields that have a band, and says whether there is one, now or
// in what was sent last.
func (r *reporter) look(s *stream, m *thingsee.Message) (governed bool) {
	for i := range s.now {
		governed = governed || !math.IsNaN(s.last[i])
		s.now[i] = math.NaN()
	}
	for f := m.Fields(); f.Next(); {
		for i := range r.bands {
			if string(f.Name) == r.bands[i].name {
				s.now[i], governed = parseFloat(f.Value), true
			}
		}
	}
	return governed
}

// changed says whether a field left its band, came or went. In sums like 0.8 - 0.6 the
// last digits of a float64 are not to make the difference.
func (r *reporter) changed(s *stream) bool {
	for i, b := range r.bands {
		was, is := s.last[i], s.now[i]
		switch {
		case math.IsNaN(was) && math.IsNaN(is):
		case !(math.Abs(is-was) <= b.width+1e-9*max(b.width, math.Abs(is))):
			return true
		}
	}
	return false
}

// gather adds a reading to what is sent once in a period. The first one is sent at once.
func (r *reporter) gather(s *stream, known bool, m *thingsee.Message, now int64) *thingsee.Message {
	if !known {
		s.due = now + r.every
		return m
	}
	plain := r.value == "" || r.value == reportLast
	if !plain {
		if now >= s.due+r.every { // what was gathered is of another time than this reading
			s.begin()
		}
		s.add(m)
	}
	if now < s.due {
		return nil
	}
	if s.due += r.every; s.due <= now {
		s.due = now + r.every
	}
	if plain {
		return m
	}
	return r.gathered(s, m)
}

// gathered is a message of all that was gathered. What the last reading says that is
// gathered of no field is in it as well.
func (r *reporter) gathered(s *stream, m *thingsee.Message) *thingsee.Message {
	out := &r.msg
	out.Reset(m.ID, m.Event)
	out.Tuid, out.Gateway, out.Time, out.Err, out.Age = m.Tuid, m.Gateway, m.Time, m.Err, m.Age
	put := func(x *gathered) { out.Float(x.name, x.of(r.value), x.decimals(r.value, m.ID)); x.n = 0 }
	for f := m.Fields(); f.Next(); {
		switch k := s.find(f.Name); {
		case k < 0: // rare, so it may allocate
			out.Copy(string(f.Name), f.Value)
		case s.sums[k].n > 0:
			put(&s.sums[k])
		default:
			out.Copy(s.sums[k].name, f.Value)
		}
	}
	for i := range s.sums { // of a thing that says its fields in turns
		if x := &s.sums[i]; x.n > 0 {
			put(x)
		}
	}
	if len(s.sums) == thingsee.MaxFields {
		s.sums = s.sums[:0] // for names that come now
	}
	return out
}

// begin forgets what was gathered.
func (s *stream) begin() {
	for i := range s.sums {
		s.sums[i].n = 0
	}
}

// add takes a reading's numbers.
func (s *stream) add(m *thingsee.Message) {
	for f := m.Fields(); f.Next(); {
		k := s.find(f.Name)
		if k < 0 {
			if len(s.sums) == thingsee.MaxFields {
				continue
			}
			k = len(s.sums)
			s.sums = append(s.sums, gathered{name: string(f.Name), last: angle(m.ID, f.Name)})
		}
		x, v := &s.sums[k], parseFloat(f.Value)
		if x.last || math.IsNaN(v) {
			continue // so is a text
		}
		if x.n == 0 {
			x.total, x.min, x.max, x.places = 0, v, v, 0
		}
		x.n++
		x.total += v
		x.min, x.max = min(x.min, v), max(x.max, v)
		if point := bytes.IndexByte(f.Value, '.'); point >= 0 {
			x.places = max(x.places, min(len(f.Value)-point-1, 9))
		}
	}
}

// angle says whether a field is in degrees of a circle. The mean of 359 and 1 is not 180,
// and the least latitude and longitude of a way are a place where nobody was.
func angle(id int, name []byte) bool {
	d, _ := thingsee.Lookup(id)
	f, ok := d.Field(name)
	return ok && f.Unit == "deg"
}

func (s *stream) find(name []byte) int {
	for i := range s.sums {
		if s.sums[i].name == string(name) {
			return i
		}
	}
	return -1
}

// decimals is how many the value has that is sent: a mean has one more than what it is
// of, unless it must be a whole number.
func (x *gathered) decimals(value string, id int) int {
	d, _ := thingsee.Lookup(id)
	if f, ok := d.Field([]byte(x.name)); value != reportMean || ok && f.Type == thingsee.Integer {
		return x.places
	}
	return x.places + 1
}

// of is the value that is sent.
func (x *gathered) of(value string) float64 {
	switch value {
	case reportMin:
		return x.min
	case reportMax:
		return x.max
	}
	return x.total / float64(x.n)
}

// stream finds or makes what is remembered of a stream. known: it was there.
func (r *reporter) stream(tuid string, id int) (s *stream, known bool) {
	if s = r.newest; s != nil && s.key.id == id && s.key.tuid == tuid {
		return s, true
	}
	if s, known = r.streams[streamKey{tuid, id}]; known {
		r.unlink(s)
		r.link(s)
		return s, true
	}
	if len(r.streams) >= maxReported {
		old := r.oldest
		r.unlink(old)
		delete(r.streams, old.key)
	}
	s = &stream{key: streamKey{strings.Clone(tuid), id}, last: make([]float64, len(r.bands)), now: make([]float64, len(r.bands))}
	for i := range s.last {
		s.last[i] = math.NaN()
	}
	r.streams[s.key] = s
	r.link(s)
	return s, false
}

func (r *reporter) link(s *stream) {
	s.older, s.newer = r.newest, nil
	if r.newest != nil {
		r.newest.newer = s
	} else {
		r.oldest = s
	}
	r.newest = s
}

func (r *reporter) unlink(s *stream) {
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		r.newest = s.older
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		r.oldest = s.newer
	}
}
