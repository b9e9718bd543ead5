package thingsee

import (
	"errors"
	"strconv"
)

// AppendProvisional is Append for a message whose time is not known yet: in
// the place of tsmTs stands "tsmTs":@mono, mono being the milliseconds since
// boot. That is not JSON on purpose: such a record cannot be sent by mistake.
// FillTime makes it a message. Time, Err and Age are not looked at.
func (m *Message) AppendProvisional(dst []byte, mono int64) []byte {
	dst = m.appendID(dst)
	dst = append(dst, `,"tsmTs":@`...)
	dst = strconv.AppendInt(dst, mono, 10)
	return m.appendRest(dst)
}

var errSlot = errors.New("cannot fill in a record's time: no provisional time where one belongs")

// FillTime appends rec, written by AppendProvisional, to dst with its time filled
// in: offset (the Unix milliseconds at mono 0) plus mono. errSeconds above 0
// is added as tsErr, the greatest error of that time in seconds. The same
// record, offset and errSeconds always give the same bytes. With an error
// nothing was appended.
func FillTime(dst, rec []byte, offset, errSeconds int64) ([]byte, error) {
	at, ok := slot(rec)
	if !ok {
		return dst, errSlot
	}
	end := at + 1
	if end < len(rec) && rec[end] == '-' {
		end++
	}
	end = digits(rec, end)
	mono, err := strconv.ParseInt(string(rec[at+1:end]), 10, 64)
	ms := offset + mono
	if err != nil || end >= len(rec) || rec[end] != ',' && rec[end] != '}' || (ms < offset) != (mono < 0) {
		return dst, errSlot
	}
	dst = append(dst, rec[:at]...)
	dst = appendDecimal(dst, ms, 3)
	if errSeconds > 0 {
		dst = appendErr(dst, errSeconds)
	}
	return append(dst, rec[end:]...), nil
}

// slot finds the @ of a provisional record. It goes by the fixed beginning of
// a record, so nothing in a text field can be taken for it.
func slot(rec []byte) (int, bool) {
	i, ok := member(rec, 0, `{"tsmId":`)
	if !ok {
		return 0, false
	}
	if i, ok = member(rec, i, `,"tsmEv":`); !ok {
		return 0, false
	}
	const key = `,"tsmTs":@`
	if len(rec)-i < len(key) || string(rec[i:i+len(key)]) != key {
		return 0, false
	}
	return i + len(key) - 1, true
}

// member passes over key and the whole number after it.
func member(rec []byte, i int, key string) (int, bool) {
	if len(rec)-i < len(key) || string(rec[i:i+len(key)]) != key {
		return 0, false
	}
	i += len(key)
	if i < len(rec) && rec[i] == '-' {
		i++
	}
	end := digits(rec, i)
	return end, end > i
}
