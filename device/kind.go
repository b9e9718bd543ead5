package device

import (
	"slices"
	"strings"
	"time"
)

// Kind is everything that the rest of portti knows of a driver: the
// configuration, its sample, the status and the tools are made from it. A Kind
// is a value; its functions may be called from any goroutine.
type Kind struct {
	Name string // the configuration's type
	// Baud is the line's speed where the configuration names none.
	Baud int
	// Auto says that its line's speed can be found by listening: baud = "auto".
	Auto bool
	// Port is what is read where the configuration names none: a service, which several
	// devices may read at once. "" = a port must be named, and has one reader.
	Port string
	// Silence is how long nothing may be decoded before the device counts as
	// silent, where the configuration names no expect_every.
	Silence time.Duration
	// Silent is the code among Problems for a receiver that is well and hears nothing that is
	// for us, where a cable and a speed are not what to look at: what it sends has its form,
	// or Open is set. "" = there is none: CodeSilent.
	Silent string
	// Expect is how often something is decoded under this configuration, where that
	// depends on it: silence is at least three times this. nil = it does not.
	Expect func(c Config) time.Duration
	// Sample is a [[device]] of the configuration that loads as it is, every
	// key explained. {n} stands for what makes its name differ from the first
	// one of its kind, {port} for a number, {share} for a TCP port and {serial} for five digits.
	Sample string
	// Options makes the struct of the keys that only this kind has, a pointer;
	// its fields carry toml tags. nil = there are none.
	Options func() any
	// Doubts gives what is allowed and has no effect, in the form of New's errors; it is
	// called for a configuration that New takes. nil = there is nothing to doubt.
	Doubts func(c Config) error
	// NamesThings says whether what it reads names itself under this
	// configuration, so that id may be left out. nil = never.
	NamesThings func(c Config) bool
	// Problems are what the driver may find wrong with what it reads, by the
	// codes that it raises (see Flagger).
	Problems []Problem
	// Open opens what the driver reads, where that is no serial port or connection: the
	// configuration then has no port. What it gives is a stream of bytes all the same, in a
	// format that is written down, so that it can be followed, recorded and replayed.
	// nil = Open of this package.
	Open OpenFunc
	// Source says in words what Open opens.
	Source func(c Config) string
	// Binary says that the wire does not carry text for people.
	Binary bool
	// Polls says that the driver asks its device, Writes that it writes to it at
	// all. One that does neither only listens; gps does, unless configure = true.
	Polls, Writes bool
	// Recognise looks at bytes as they came at the right speed, from anywhere in
	// the stream. share is how much of them, from 0 to 1, has this kind's form,
	// and name what it is in the field's word ("NMEA 0183"). It keeps nothing. nil where Open is set, since such bytes are on no
	// serial line.
	Recognise func(b []byte) (name string, share float64)
	// Framed says that b, where it is of a kind of lines, holds frames that are none, so that
	// it is not to be judged by its lines. nil = it never does.
	Framed func(b []byte) bool
	// General says that its form is a wide one: where another kind recognises the
	// same bytes as well, they are that other kind's.
	General bool
	// New checks the options that concern this driver and makes one. It is
	// called at every opening, and once when the configuration is checked. An
	// error names the key and the rule.
	New func(c Config, env Env) (Driver, error)
}

// Problem is one entry for the catalogue of problems, as status.Entry has it.
type Problem struct {
	Code        string // GPS-JUMP and the like
	Title       string // a few words
	Sentence    string // for people; {subject} is the device's name
	Actions     []string
	ImpactsData bool // readings are being lost or may be
}

// Table is a list of kinds, sorted by name.
type Table []Kind

// Named finds a kind.
func (t Table) Named(name string) (Kind, bool) {
	i, ok := slices.BinarySearchFunc(t, name, func(k Kind, n string) int { return strings.Compare(k.Name, n) })
	if !ok {
		return Kind{}, false
	}
	return t[i], true
}

// Problems are those of all kinds, each code once: kinds that have one in common say
// the same of it.
func (t Table) Problems() []Problem {
	var all []Problem
	for _, k := range t {
		for _, p := range k.Problems {
			if !slices.ContainsFunc(all, func(q Problem) bool { return q.Code == p.Code }) {
				all = append(all, p)
			}
		}
	}
	return all
}

// Filled is c with the port and the speed that its kind has where c says nothing.
func (t Table) Filled(c Config) Config {
	k, _ := t.Named(c.Type)
	if c.Baud == 0 {
		c.Baud = Baud(k.Baud)
	}
	if c.Port == "" && c.Match == nil {
		c.Port = k.Port
	}
	return c
}

// Names gives the names in order.
func (t Table) Names() []string {
	names := make([]string, len(t))
	for i, k := range t {
		names[i] = k.Name
	}
	return names
}

// optionsOf is what the configuration says about a kind's own keys.
func optionsOf[T any](c Config) T {
	if o, ok := c.Options.(*T); ok && o != nil {
		return *o
	}
	var none T
	return none
}
