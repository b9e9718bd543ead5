package device

import "portti/device/thingsee"

// send completes the messages of the line and hands them on. The line is
// unknown when there was nothing to send.
func (r *reader) send() Result {
	tuid, ms, ok := r.header()
	if !ok {
		return Malformed
	}
	if len(r.extras) > 0 {
		home := r.home()
		for i := range r.extras {
			r.place(&r.extras[i], home)
		}
	}
	if r.some {
		r.countRefused()
	}
	result := Unknown
	for i := range r.msgs {
		m := &r.msgs[i]
		if !r.used[i] || m.Len() == 0 {
			continue
		}
		if m.ID == thingsee.CarbonDioxide {
			m.Int("status", 0) // required; refused, as it should be, where the line had one
		}
		m.Tuid, m.Time, m.Age = tuid, ms, r.age
		r.out.Emit(m)
		result = OK
	}
	return result
}

// countRefused counts the fields that were refused.
func (r *reader) countRefused() {
	for result, n := range r.refused {
		for range n {
			r.out.Frame(Result(result))
		}
	}
}

// header finds whose the line is and when it was measured. A time that cannot
// be read is refused like any field; an identity that cannot be read refuses
// the line, since its readings would be given to the wrong thing.
func (r *reader) header() (tuid string, ms int64, ok bool) {
	for i := range r.headers {
		f := &r.headers[i]
		if f.role == roleID {
			if tuid, ok = r.ids.get(f.raw); !ok {
				return "", 0, false
			}
			continue
		}
		t, good := parseTime(r.scratch, f)
		if !good {
			r.out.Frame(Malformed)
			continue
		}
		ms = t
	}
	return tuid, ms, tuid != "" || r.hasID
}

// home is where extras are kept, where they are.
func (r *reader) home() int {
	if r.fixed {
		return 0
	}
	home := slotGeneric
	for i, used := range r.used[:slotGeneric] {
		if used && home != slotGeneric {
			return slotGeneric // several
		}
		if used {
			home = i
		}
	}
	return home
}

// place finds a message for a field that chooses none: one it belongs to by
// the catalogue and that the line makes anyway, else as extra says.
func (r *reader) place(f *field, home int) {
	switch {
	case f.joins >= 0 && r.used[f.joins]:
		r.put(f.joins, f)
	case r.extra == extraKeep:
		r.put(home, f)
	case r.extra == extraSeparate:
		r.put(slotGeneric, f)
	}
}

func (r *reader) put(slot int, f *field) {
	m := &r.msgs[slot]
	if !r.used[slot] {
		r.used[slot] = true
		m.Reset(r.keys.ids[slot], thingsee.EventTimed)
	}
	k := f.key
	if f.decimal.Plain && k.surely(&f.decimal) && m.Digits(k.name, f.raw) {
		return // the usual case: what is plain is a number, of 18 digits at most
	}
	if result := r.value(m, f); result != OK {
		r.refuse(result)
	}
}

// value adds a field to a message.
func (r *reader) value(m *thingsee.Message, f *field) Result {
	k := f.key
	if k.defined && k.def.Type == thingsee.String {
		return added(m.Text(k.name, f.raw))
	}
	if k.unit != "" {
		if number := cutUnit(f.raw, k.unit); len(number) < len(f.raw) {
			f.raw, f.decimal.Plain, f.strict = number, false, false
		}
	}
	numeric := k.defined || k.converts || k.hex || k.unit != ""
	if f.text && !numeric && r.extra == extraKeep {
		return added(m.Text(k.name, f.raw))
	}
	var digits []byte
	ok := false
	switch {
	case k.hex:
		f.decimal.Plain = false
		digits, ok = hexNumber(r.scratch, f.raw)
	case f.strict && !f.text || !maybeHex(f.raw):
		digits, ok = f.number(r.scratch)
	}
	switch {
	case !ok && f.text && !numeric:
		r.notice.see(k, " is text and cannot be sent")
		return OK
	case !ok:
		if hexMark(f.raw) {
			r.notice.see(k, " is hexadecimal: name it in hex of this [[device]]")
		}
		return Malformed
	case k.converts:
		return f.converted(m, digits)
	case !k.bounded || f.decimal.Plain && k.surely(&f.decimal):
		return added(m.Number(k.name, digits))
	}
	if d, exact := f.exactly(digits); exact {
		return k.inRange(m, d, digits)
	}
	if !k.def.FitsDigits(digits) {
		return Range
	}
	return added(m.Number(k.name, digits))
}

func added(ok bool) Result {
	if ok {
		return OK
	}
	return Malformed
}

// inRange adds d, which digits say, where the catalogue allows it.
func (k *key) inRange(m *thingsee.Message, d decimal, digits []byte) Result {
	if k.bounded && !k.def.Fits(d.value()) {
		return Range
	}
	if k.defined && k.def.Type == thingsee.Integer { // and whole, or it would not fit
		if n, whole := d.whole(); whole {
			return added(m.Int(k.name, n)) // 1.0 is sent as 1
		}
	}
	if digits != nil {
		return added(m.Number(k.name, digits))
	}
	return added(m.Decimal(k.name, d.mantissa, d.places))
}

// converted adds scale x value + offset, exactly where 18 digits are enough,
// else as the nearest float64 says, to 9 places.
func (f *field) converted(m *thingsee.Message, digits []byte) Result {
	k := f.key
	if d, exact := f.exactly(digits); exact && k.exact {
		if d, exact = d.times(k.scale); exact {
			if d, exact = d.plus(k.offset); exact {
				return k.inRange(m, d, nil)
			}
		}
	}
	v := parseFloat(digits)*k.scaleFloat + k.offsetFloat
	if k.bounded && !k.def.Fits(v) {
		return Range
	}
	return added(m.Float(k.name, v, 9))
}
