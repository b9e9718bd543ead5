package device

import (
	"errors"
	"fmt"
	"time"

	"portti/device/ais"
	"portti/device/clock"
	"portti/device/nmea"
	"portti/device/thingsee"
)

// VesselOptions are the keys of every type that hears vessels.
type VesselOptions struct {
	VesselInterval string `toml:"vessel_interval"` // one position of a vessel in this time at most; "" = 10s, 0s = each
	StaticInterval string `toml:"static_interval"` // name and the like, when changed or after this time; "" = 6m, 0s = each
}

const (
	vesselInterval = 10 * time.Second // of a class A vessel under way up to 14 knots
	staticInterval = 6 * time.Minute  // of AIS itself
	// vesselsMost is how many are remembered; the one unheard for longest makes room.
	// It costs 150 bytes each, and none before it is heard; the times behind the unique
	// keys (thingsee.Keys) are as many as these need.
	vesselsMost = 4096
	// vesselGone is when one unheard counts no more: three times the longest interval
	// of a vessel at anchor, and of its static data.
	vesselGone = 18 * 60_000 // ms
	// vesselsTold is how often people are told how many there are.
	vesselsTold = 10_000 // ms
)

func (o VesselOptions) check() error {
	var errs []error
	for _, k := range [][2]string{{"vessel_interval", o.VesselInterval}, {"static_interval", o.StaticInterval}} {
		if d, err := time.ParseDuration(k[1]); k[1] != "" && (err != nil || d < 0 || d > 24*time.Hour) {
			errs = append(errs, keyError(k[0], `must be a time from "0s" (each) to "24h", such as "10s"`))
		}
	}
	return errors.Join(errs...)
}

// millis is a duration that check has let pass.
func millis(text string, without time.Duration) int64 {
	if d, err := time.ParseDuration(text); err == nil {
		without = d
	}
	return without.Milliseconds()
}

// vessels makes messages of what AIS says. Each sender is a thing of its own: a vessel,
// and as well a base station, an aid to navigation or an aircraft. Its tsmTuid is the
// first six characters of the device's id, 00, and the nine digits of its MMSI.
type vessels struct {
	env    Env
	place  int64 // ms between positions of one
	static int64 // ms between equal static data of one
	family string
	silent bool // say nothing to people

	asm   ais.Assembler
	msg   thingsee.Message
	list  []vessel
	index map[uint32]int
	text  [20]byte

	begun bool
	told  int64 // when people were
	since int   // messages heard since then
	last  string
}

// vessel is what is remembered of one.
type vessel struct {
	mmsi   uint32
	tuid   string
	heard  int64 // ms since boot, as all here
	placed int64 // when its position was sent, 0 = not yet
	stated int64 // and its static data
	sum    uint64
	name   [20]byte // of part A of type 24, until part B is there
	named  uint8
	half   bool // part A came and part B did not yet
}

// newVessels is for one life of the port of c. Options must have been checked.
func newVessels(c Config, o VesselOptions, env Env) *vessels {
	v := &vessels{
		env: env, family: c.ID, index: map[uint32]int{},
		place: millis(o.VesselInterval, vesselInterval), static: millis(o.StaticInterval, staticInterval),
	}
	if v.family == "" {
		v.family = env.Gateway
	}
	v.family = v.family[:min(len(v.family), 6)]
	return v
}

// sentence takes a sentence and says what it counts as. Without vessels it is nobody's.
func (v *vessels) sentence(s *nmea.Sentence, out Out) Result {
	if v == nil || s.Type != nmea.Foreign || !ais.Is(s) {
		return Unknown
	}
	now := v.env.Clock.Now()
	done, fault := v.asm.Add(s, now.Mono)
	switch {
	case fault&ais.TooLong != 0:
		return TooLong
	case done:
		return v.message(v.asm.Message(), fault, now, out)
	case fault != 0:
		return Malformed
	}
	return OK
}

// message takes a message, whoever decoded it.
func (v *vessels) message(m *ais.Message, fault ais.Fault, now clock.Now, out Out) Result {
	if m.MMSI == 0 || m.MMSI > 999_999_999 {
		return Range
	}
	s := v.find(m.MMSI, now.Mono)
	v.since++
	v.tell(now.Mono, out)
	v.msg.Tuid = s.tuid
	switch {
	case !m.Position():
	case v.due(s.placed, v.place, now.Mono):
		s.placed = max(now.Mono, 1)
		v.position(m, v.time(m, now), now.Err, out)
	default:
		withhold(out)
	}
	v.particulars(s, m, now.Mono, out)
	if fault&ais.OutOfRange != 0 {
		return Range
	}
	return OK
}

// due says whether an interval is over, give or take a tenth: who sends every ten
// seconds is seldom exact.
func (v *vessels) due(last, interval, now int64) bool {
	return last == 0 || now-last >= interval-interval/10
}

// find gives the entry of a sender, as heard now.
func (v *vessels) find(mmsi uint32, now int64) *vessel {
	i, ok := v.index[mmsi]
	if !ok {
		if i = len(v.list); i == vesselsMost {
			for j := range v.list {
				if i == vesselsMost || v.list[j].heard < v.list[i].heard {
					i = j
				}
			}
			delete(v.index, v.list[i].mmsi)
		} else {
			v.list = append(v.list, vessel{})
		}
		v.list[i] = vessel{mmsi: mmsi, tuid: fmt.Sprintf("%s00%09d", v.family, mmsi)}
		v.index[mmsi] = i
	}
	v.list[i].heard = now
	return &v.list[i]
}

// expire forgets who has gone.
func (v *vessels) expire(now int64) {
	for i := len(v.list) - 1; i >= 0; i-- {
		if now-v.list[i].heard < vesselGone {
			continue
		}
		delete(v.index, v.list[i].mmsi)
		end := len(v.list) - 1
		if v.list[i] = v.list[end]; i < end {
			v.index[v.list[i].mmsi] = i
		}
		v.list[end] = vessel{}
		v.list = v.list[:end]
	}
}

// tell keeps the text for people: "312 vessels heard, 4 a second".
func (v *vessels) tell(now int64, out Out) {
	if v.silent || v.begun && now-v.told < vesselsTold {
		return
	}
	v.expire(now)
	text := fmt.Sprintf("%d vessels heard", len(v.list))
	switch n := len(v.list); {
	case n == 1:
		text = "1 vessel heard"
	case n == vesselsMost:
		text += ", or more"
	}
	if v.begun {
		passed := max(now-v.told, 1)
		if perSecond := (int64(v.since)*1000 + passed/2) / passed; perSecond > 0 {
			text += fmt.Sprintf(", %d a second", perSecond)
		} else {
			text += fmt.Sprintf(", %d a minute", (int64(v.since)*60_000+passed/2)/passed)
		}
	}
	v.begun, v.told, v.since = true, now, 0
	if text != v.last {
		v.last = text
		out.Detail(text)
	}
}

// time is when the sender measured, as far as can be told: the last moment with the
// second of the minute that it gives, unless that lies so far back that it must be
// ahead. Without a clock that is trusted it is the stamp's to say.
func (v *vessels) time(m *ais.Message, now clock.Now) int64 {
	if !now.Trusted {
		return 0
	}
	second, ok := m.Value(ais.Second)
	if !ok || second > 59 {
		return now.Unix
	}
	seconds := now.Unix / 1000
	back := (seconds%60 - int64(second) + 60) % 60
	if back == 0 || back > 30 {
		return now.Unix
	}
	return (seconds - back) * 1000
}
