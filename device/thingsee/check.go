package thingsee

import (
	"fmt"
	"math"
)

// Problem is one thing that is wrong with a message.
type Problem struct {
	Place string // the member: tsmTs, temp; both names where one of two is missing
	Text  string // what is wrong with it
}

func (p Problem) String() string { return p.Place + ": " + p.Text }

// Check compares a message with the header rules and with the catalogue, and
// gives what is wrong in the order of the message. Fields that a message does
// not define and messages that the catalogue does not have are no problem:
// both are allowed, and common. Ask Lookup about them.
func Check(r Received) []Problem {
	list := header(r)
	d, ok := Lookup(r.ID)
	if !ok {
		return list
	}
	for _, v := range r.Fields {
		if f, ok := d.Field([]byte(v.Name)); ok {
			if text := f.wrong(v); text != "" {
				list = append(list, Problem{v.Name, text})
			}
		}
	}
	for _, f := range d.Fields {
		if f.Required && !r.has(f.Name) {
			list = append(list, Problem{f.Name, "missing"})
		}
	}
	return list
}

func header(r Received) []Problem {
	var list []Problem
	add := func(bad bool, place, text string) {
		if bad {
			list = append(list, Problem{place, text})
		}
	}
	add(r.ID < 0, "tsmId", "negative")
	add(r.ID == 0, "tsmId", "missing or not a whole number")
	add(r.Event < 0, "tsmEv", "missing or not a whole number")
	add(r.Event > MaxEvent, "tsmEv", "over 999")
	add(r.Tuid == "" && r.Target == "", "tsmTuid/tsmDstTuid", "missing")
	add(!r.Dated && r.Event != EventDisconnected, "tsmTs", "missing or not a time")
	return list
}

func (r Received) has(name string) bool {
	for _, v := range r.Fields {
		if v.Name == name {
			return true
		}
	}
	return false
}

// wrong says what is wrong with a value, or nothing. Null is how some senders
// write that they do not know, so it passes.
func (f *Field) wrong(v Value) string {
	first := v.JSON[0]
	if first == 'n' {
		return ""
	}
	ok := true
	switch f.Type {
	case Number, Integer:
		if ok = ValidNumber(v.JSON); ok && !f.FitsDigits(v.JSON) {
			return f.limits(string(v.JSON))
		}
	case String:
		ok = first == '"'
	case Boolean:
		ok = first == 't' || first == 'f'
	case Array:
		ok = first == '['
	}
	if !ok {
		return "no " + f.Type.String()
	}
	return ""
}

func (f *Field) limits(v string) string {
	whole := ""
	if f.Type == Integer {
		whole = "a whole number "
	}
	switch {
	case f.Min == -math.MaxFloat64 && f.Max == math.MaxFloat64:
		return fmt.Sprintf("%s is not %sthat can be sent", v, whole)
	case f.Max == math.MaxFloat64:
		return fmt.Sprintf("%s is not %sfrom %v on", v, whole, f.Min)
	}
	return fmt.Sprintf("%s is not %swithin %v..%v", v, whole, f.Min, f.Max)
}
