package device

import (
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"portti/device/dualmcu"
	"portti/device/thingsee"
	"portti/device/tsmcbor"
)

// thingseeEndpoint is where Thingsee sensors send to.
const thingseeEndpoint = 21

// received takes what a node sent, or a part of it.
func (w *wirepas) received(d dualmcu.Data, now time.Time) Result {
	if d.DestEnd != thingseeEndpoint {
		return Unknown
	}
	if d.Fragment {
		whole, ok := w.packets.Add(d, now.Sub(w.begun).Milliseconds())
		w.lost()
		if !ok {
			return OK
		}
		d = whole
	}
	list, err := w.decoder.Decode(d.APDU)
	if err != nil {
		if !w.warned && w.env.Log != nil {
			w.warned = true
			w.env.Log.Warn("a sensor's message cannot be read; the next such ones are only counted", "event", "sink.payload", "node", w.tuid(d.Source), "bytes", len(d.APDU), "err", err)
		}
		return Malformed
	}
	tuid, result := w.tuid(d.Source), OK
	for i := range list {
		result = max(result, w.message(&list[i], tuid, d.TravelMS()))
	}
	return result
}

// lost counts packets of which a fragment never came.
func (w *wirepas) lost() {
	for range w.packets.Lost() {
		w.out.Frame(Malformed)
	}
}

// message makes messages of one that a sensor sent, and says what became of the worst
// of its values.
func (w *wirepas) message(m *tsmcbor.Message, tuid string, age int64) Result {
	def, _ := thingsee.Lookup(m.ID)
	result, added, left := OK, 0, 0
	w.begin(m.ID, m.Event, tuid, age)
	for i := range m.Fields {
		f := &m.Fields[i]
		field, ok := def.Field([]byte(f.Name))
		if !ok {
			left++
			continue
		}
		r := w.add(f.Name, f, &field)
		result = max(result, r)
		if field.Required && r == OK && f.Value != nil {
			added++
		}
	}
	for i := range def.Fields {
		if def.Fields[i].Required {
			added--
		}
	}
	if whole := def.ID != 0 && added >= 0; whole {
		if w.msg.Len() > 0 || len(m.Fields) == 0 {
			w.out.Emit(&w.msg)
		}
		if left == 0 {
			return result
		}
	} else {
		def = thingsee.Definition{}
	}
	w.begin(thingsee.Generic, m.Event, tuid, age)
	w.msg.Int("message", int64(m.ID))
	for i := range m.Fields {
		f := &m.Fields[i]
		if _, ok := def.Field([]byte(f.Name)); ok {
			continue
		}
		name := f.Name
		if name == "" {
			name = "cbor" + strconv.FormatUint(f.Key, 10)
		}
		field, ok := thingsee.Physical(name)
		if !ok {
			field = thingsee.Field{Type: anyType(f.Value), Min: -math.MaxFloat64, Max: math.MaxFloat64}
		}
		result = max(result, w.add(name, f, &field))
	}
	w.out.Emit(&w.msg)
	return result
}

func (w *wirepas) begin(id, event int, tuid string, age int64) {
	w.msg.Reset(id, event)
	w.msg.Tuid, w.msg.Age = tuid, age
}

// anyType is the type that holds a value of which no definition is known.
func anyType(v any) thingsee.Type {
	switch v.(type) {
	case string, []byte:
		return thingsee.String
	case bool:
		return thingsee.Boolean
	case []any:
		return thingsee.Array
	}
	return thingsee.Number
}

// add puts one value into the message as its definition has it.
func (w *wirepas) add(name string, f *tsmcbor.Field, def *thingsee.Field) Result {
	switch v := f.Value.(type) {
	case nil: // the sensor does not know
		return OK
	case int64:
		return w.addInt(name, v, f.Decimals, def)
	case float64:
		if v /= math.Pow10(f.Decimals); !def.Fits(v) {
			return Range
		}
		return taken(w.msg.Float(name, v, 6))
	case bool:
		switch {
		case def.Type == thingsee.Boolean:
			return taken(w.msg.Bool(name, v))
		case v:
			return w.addInt(name, 1, 0, def)
		}
		return w.addInt(name, 0, 0, def)
	case string:
		w.scratch = append(w.scratch[:0], v...)
		return w.addText(name, def)
	case []byte:
		w.scratch = hex.AppendEncode(w.scratch[:0], v)
		return w.addText(name, def)
	case []any:
		ok := def.Type == thingsee.Array || def.Type == thingsee.Buffer
		if w.scratch, ok = appendArray(w.scratch[:0], v, ok); ok {
			return taken(w.msg.Array(name, w.scratch))
		}
	}
	return Malformed
}

func (w *wirepas) addInt(name string, v int64, decimals int, def *thingsee.Field) Result {
	switch def.Type {
	case thingsee.Number, thingsee.Integer:
		if !def.Fits(float64(v) / math.Pow10(decimals)) {
			return Range
		}
		return taken(w.msg.Decimal(name, v, decimals))
	case thingsee.Boolean:
		if v != 0 && v != 1 {
			return Range
		}
		return taken(w.msg.Bool(name, v == 1))
	case thingsee.String: // such as the address of a node, which some messages have as a text
		return taken(w.msg.Text(name, strconv.AppendInt(w.scratch[:0], v, 10)))
	}
	return Malformed
}

// addText adds what is in scratch. Half a text says something else.
func (w *wirepas) addText(name string, def *thingsee.Field) Result {
	switch {
	case def.Type != thingsee.String && def.Type != thingsee.Buffer:
		return Malformed
	case len(w.scratch) > thingsee.MaxText:
		return Range
	}
	return taken(w.msg.Text(name, w.scratch))
}

// taken is what a value counts as that the message took or not.
func taken(ok bool) Result {
	if ok {
		return OK
	}
	return Malformed
}

// appendArray writes an array of whole numbers, or of arrays of them. ok is passed on.
func appendArray(dst []byte, list []any, ok bool) ([]byte, bool) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch v := v.(type) {
		case int64:
			dst = strconv.AppendInt(dst, v, 10)
		case []any:
			dst, ok = appendArray(dst, v, ok)
		default:
			return dst, false
		}
	}
	return append(dst, ']'), ok
}
