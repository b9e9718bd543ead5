package device

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"portti/device/adv"
)

const (
	// bleHeard is how many tags are remembered that the configuration has
	// nothing on; the one unheard for longest makes room. Forgetting costs one
	// repeat at most.
	bleHeard = 512
	// bleRepeat is how long equal data of a tag without sequence number says
	// nothing new, in milliseconds: a little more than the slowest tags take
	// from one advertisement to the next.
	bleRepeat = 10_000
	// bleForms is how many kinds of readings of one tag are remembered. A
	// thermometer by Xiaomi has four.
	bleForms = 4
	// bleTwin is how long one of Ruuvi's two formats stands for the other, in
	// milliseconds; each is sent every few seconds.
	bleTwin = 60_000
	// bleTrouble is how long a refusal is shown, and bleWatch how often the tags
	// of the list are looked at.
	bleTrouble, bleWatch = 10 * 60_000, 5_000
)

// bleTable holds the tags heard last. A search is a walk: 512 short compares
// are 0.3 µs, and lines come a hundred a second.
type bleTable struct {
	tags  []bleTag
	clock uint64 // counts searches
}

type bleTag struct {
	address bleAddress
	tuid    string
	used    uint64
	spoke   bool
	forms   [bleForms]bleForm

	listed    bool
	key       *adv.Key
	name      [20]byte // its local name, which the next advertisement may leave out
	nameLen   int
	heardAt   int64
	locked    bool // encrypted without a key, last at
	lockedAt  int64
	refused   adv.Outcome // and why, last at
	refusedAt int64

	e1, df6     bool // heard of Ruuvi's two formats, last at
	e1At, df6At int64
	df6Low      int64
}

// bleForm is what was last made of one kind of reading.
type bleForm struct {
	kind, sum uint64
	state     uint64 // of what is a state and no measurement
	at        int64
	used      bool
}

// find gives the entry of an address; a fresh one is empty.
func (t *bleTable) find(a bleAddress) (tag *bleTag, fresh bool) {
	t.clock++
	oldest := 0
	for i := range t.tags {
		if t.tags[i].address == a {
			t.tags[i].used = t.clock
			return &t.tags[i], false
		}
		if t.tags[i].used < t.tags[oldest].used {
			oldest = i
		}
	}
	if len(t.tags) < bleHeard {
		oldest = len(t.tags)
		t.tags = append(t.tags, bleTag{})
	}
	t.tags[oldest] = bleTag{address: a, used: t.clock}
	return &t.tags[oldest], true
}

// rename gives an advertisement without name that which the tag had before:
// some put the name into one and the values into another.
func (t *bleTag) rename(a *adv.Advert) {
	if len(a.Name) > 0 {
		t.nameLen = copy(t.name[:], a.Name)
		return
	}
	a.Name = t.name[:t.nameLen]
}

// repeats says whether the tag has said this before, and notes it if not.
func (b *bleTags) repeats(t *bleTag, ad *bleAdvert, values []adv.Measured) bool {
	now := b.now()
	if t.twin(&b.reading, now) {
		return true
	}
	kind, sum, state, pressed := bleSum, bleSum, bleSum, false
	kind.text(b.reading.Family)
	for _, v := range values {
		switch {
		case v.Press():
			pressed = pressed || v.Mantissa != 0
		case v.State():
			state.number(uint64(v.Mantissa))
		}
		kind.text(v.Name)
		kind.number(uint64(v.Number))
		sum.number(uint64(v.Mantissa))
		sum.number(uint64(v.Decimals))
	}
	if len(values) == 0 {
		for _, part := range [...][]byte{ad.raw, ad.maker, ad.service} {
			sum.bytes(part)
		}
	}
	counted := b.reading.Sequence.Known
	if counted {
		sum.number(uint64(b.reading.Sequence.Mantissa))
	}
	if pressed { // each time is another one
		state.number(uint64(sum))
	}
	f := t.form(uint64(kind))
	if f.used {
		again := f.sum == uint64(sum) && (counted || now-f.at < bleRepeat)
		if again || now-f.at < b.interval && f.state == uint64(state) {
			return true
		}
	}
	*f = bleForm{uint64(kind), uint64(sum), uint64(state), now, true}
	return false
}

// form gives the place of a kind of reading, or the one that is oldest.
func (t *bleTag) form(kind uint64) *bleForm {
	best := &t.forms[0]
	for i := range t.forms {
		f := &t.forms[i]
		if f.used && f.kind == kind {
			return f
		}
		if best.used && (!f.used || f.at < best.at) {
			best = f
		}
	}
	best.used = false
	return best
}

// twin says whether a reading is one that the other of Ruuvi's formats 6 and E1
// has brought, which one device sends both. E1 says more, so it goes before: 6
// is passed over as long as E1 is heard. Format 6 has the lowest byte of E1's
// number.
func (t *bleTag) twin(r *adv.Reading, now int64) bool {
	switch r.Family {
	case "ruuvi-6":
		if t.e1 && now-t.e1At < bleTwin {
			return true
		}
		t.df6, t.df6At, t.df6Low = true, now, r.Sequence.Mantissa
	case "ruuvi-e1":
		t.e1, t.e1At = true, now
		if t.df6 && now-t.df6At < bleTwin && r.Sequence.Known && r.Sequence.Mantissa&0xFF == t.df6Low {
			t.df6 = false
			return true
		}
	}
	return false
}

// bleHash is FNV-1a, which begins with bleSum.
type bleHash uint64

const bleSum bleHash = 14695981039346656037

func (h *bleHash) bytes(b []byte) {
	for _, c := range b {
		*h = (*h ^ bleHash(c)) * 1099511628211
	}
	*h = (*h ^ 0x100) * 1099511628211
}

func (h *bleHash) text(s string) {
	for i := range len(s) {
		*h = (*h ^ bleHash(s[i])) * 1099511628211
	}
	*h = (*h ^ 0x100) * 1099511628211
}

func (h *bleHash) number(n uint64) { *h = (*h ^ bleHash(n)) * 1099511628211 }

// watch looks, now and then, at the tags that the configuration has something
// on, and shows what is wrong with them.
func (b *bleTags) watch(out Out) {
	now := b.now()
	if len(b.known) == 0 || now-b.watched < bleWatch && b.shown != "" {
		return
	}
	b.watched = now
	b.tell(out)
}

// bleLook is between two looks while no line comes.
const bleLook = time.Minute

// wait sets until when a port is to wait for a line, where the configuration has
// something on a tag: that it is not heard shows although nothing else is heard either.
// It returns whether it did.
func (b *bleTags) wait(port Port) (bool, error) {
	if len(b.known) == 0 {
		return false, nil
	}
	if err := port.SetReadDeadline(b.wall().Add(bleLook)); err != nil {
		return false, fmt.Errorf("cannot set how long to wait for a tag: %w", err)
	}
	return true, nil
}

// tell sets the detail and the flags.
func (b *bleTags) tell(out Out) {
	now := b.now()
	if b.shown == "" {
		for i := range b.known {
			b.known[i].heardAt = now // from when on it is missed
		}
	}
	count := len(b.heard.tags)
	var unheard, locked, refused []string
	for i := range b.known {
		t := &b.known[i]
		if t.spoke {
			count++
		}
		if t.listed && b.expect > 0 && now-t.heardAt > b.expect {
			unheard = append(unheard, t.tuid)
		}
		if t.locked && now-t.lockedAt < bleTrouble {
			locked = append(locked, t.tuid)
		}
		if t.refused != adv.None && now-t.refusedAt < bleTrouble {
			refused = append(refused, t.tuid+" ("+refusals(t.refused)+")")
		}
	}
	hears(out, count)
	text := "1 tag heard"
	if count != 1 {
		text = strconv.Itoa(count) + " tags heard"
	}
	if len(b.heard.tags) == bleHeard {
		text += ", or more"
	}
	for _, some := range []struct {
		code, what string
		who        []string
	}{{codeUnheard, "not heard", unheard}, {codeLocked, "without a key", locked}, {codeRefused, "refused", refused}} {
		raise(out, some.code, len(some.who) > 0)
		if len(some.who) > 0 {
			text += "; " + some.what + ": " + few(some.who, ", ")
		}
	}
	if b.aside != "" {
		text += "; " + b.aside
	}
	b.shown = text
	out.Detail(text)
}

// few names three of them.
func few(who []string, between string) string {
	if len(who) > 3 {
		return strings.Join(who[:3], between) + " and " + strconv.Itoa(len(who)-3) + " more"
	}
	return strings.Join(who, between)
}

func refusals(o adv.Outcome) string {
	switch o {
	case adv.Replayed:
		return "its counter went back"
	case adv.Exposed:
		return "not encrypted"
	case adv.WrongKey:
		return "another key"
	}
	return "malformed"
}
