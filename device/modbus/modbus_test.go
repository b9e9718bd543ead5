package modbus_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"portti/device/modbus"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sealed puts the checksum behind a frame.
func sealed(b []byte) []byte {
	crc := modbus.CRC(b)
	return append(bytes.Clone(b), byte(crc), byte(crc>>8))
}

// TestCRC: the check value of CRC-16/MODBUS in the catalogue of parametrised CRC
// algorithms (reveng.sourceforge.io), and the example of the serial line
// specification, section 6.2.2: 02 07 gives 0x1241, sent as 41 12.
func TestCRC(t *testing.T) {
	for in, want := range map[string]uint16{"123456789": 0x4B37, "\x02\x07": 0x1241, "": 0xFFFF} {
		if got := modbus.CRC([]byte(in)); got != want {
			t.Errorf("%q: %04x, want %04x", in, got, want)
		}
	}
}

// TestSpecification: the examples of the application protocol specification, sections
// 6.1 to 6.4, with a unit and a checksum around them.
func TestSpecification(t *testing.T) {
	for _, row := range []struct {
		table          modbus.Table
		address, count uint16
		request        string // without unit and checksum
		answer         string
		data           string
	}{
		{modbus.Coil, 0x13, 0x13, "01 0013 0013", "01 03 CD 6B 05", "CD6B05"},
		{modbus.Discrete, 0xC4, 0x16, "02 00C4 0016", "02 03 AC DB 35", "ACDB35"},
		{modbus.Holding, 0x6B, 3, "03 006B 0003", "03 06 02 2B 00 00 00 64", "022B00000064"},
		{modbus.Input, 8, 1, "04 0008 0001", "04 02 00 0A", "000A"},
	} {
		r := modbus.Request{Unit: 17, Table: row.table, Address: row.address, Count: row.count}
		if got, want := r.Append(nil), sealed(append([]byte{17}, unhex(t, row.request)...)); !bytes.Equal(got, want) {
			t.Errorf("%v: request % x, want % x", row.table, got, want)
		}
		answer := sealed(append([]byte{17}, unhex(t, row.answer)...))
		data, _, res := r.Find(answer)
		if res != modbus.Good || !bytes.Equal(data, unhex(t, row.data)) {
			t.Errorf("%v: % x %v", row.table, data, res)
		}
		if len(answer) != r.AnswerSize() {
			t.Errorf("%v: the answer has %d bytes, AnswerSize says %d", row.table, len(answer), r.AnswerSize())
		}
	}
}

// TestFind: what may lie around an answer, and what is none.
func TestFind(t *testing.T) {
	ask := modbus.Request{Unit: 1, Table: modbus.Holding, Address: 10, Count: 1}
	good := sealed([]byte{1, 3, 2, 0x12, 0x34})
	refused := sealed([]byte{1, 0x83, 2})
	other := sealed([]byte{2, 3, 2, 9, 9})
	spoiled := bytes.Clone(good)
	spoiled[3] ^= 1
	for name, row := range map[string]struct {
		in   []byte
		want modbus.Result
	}{
		"nothing":                 {nil, modbus.More},
		"the answer":              {good, modbus.Good},
		"behind an echo":          {slices.Concat(ask.Append(nil), good), modbus.Good},
		"behind noise":            {slices.Concat([]byte{0, 0xff, 1, 3, 1}, good), modbus.Good},
		"before noise":            {slices.Concat(good, []byte{0}), modbus.Good},
		"half":                    {good[:5], modbus.More},
		"an exception":            {refused, modbus.Refused},
		"half an exception":       {refused[:4], modbus.More},
		"another unit's":          {other, modbus.More},
		"another unit's, then it": {slices.Concat(other, good), modbus.Good},
		"another length":          {sealed([]byte{1, 3, 4, 0, 0, 0, 0}), modbus.More},
		"another function":        {sealed([]byte{1, 4, 2, 0, 0}), modbus.More},
		"spoiled":                 {spoiled, modbus.Bad},
		"spoiled, then it":        {slices.Concat(spoiled, good), modbus.Good},
		"spoiled, then half":      {slices.Concat(spoiled, good[:4]), modbus.More},
	} {
		data, ex, res := ask.Find(row.in)
		switch {
		case res != row.want:
			t.Errorf("%s: %v, want %v", name, res, row.want)
		case res == modbus.Good && !bytes.Equal(data, []byte{0x12, 0x34}):
			t.Errorf("%s: % x", name, data)
		case res == modbus.Refused && ex.String() != "exception 2, illegal data address":
			t.Errorf("%s: %v", name, ex)
		}
	}
}

// TestLongest: 125 registers and 2000 bits are answered by frames of 255 bytes.
func TestLongest(t *testing.T) {
	for table := modbus.Coil; table <= modbus.Input; table++ {
		r := modbus.Request{Unit: 1, Table: table, Count: uint16(table.Most())}
		if r.AnswerSize() != modbus.LongestAnswer {
			t.Errorf("%v: %d bytes", table, r.AnswerSize())
		}
		if found, ok := modbus.ParseTable(table.String()); !ok || found != table {
			t.Errorf("%v is not found by its name", table)
		}
	}
	if _, ok := modbus.ParseTable("file"); ok {
		t.Error("a table that is none is found")
	}
}

func TestPlan(t *testing.T) {
	in := func(address, count int) modbus.Span {
		return modbus.Span{Table: modbus.Input, Address: address, Count: count}
	}
	hold := func(address, count int) modbus.Span {
		return modbus.Span{Table: modbus.Holding, Address: address, Count: count}
	}
	for _, row := range []struct {
		spans []modbus.Span
		gap   int
		want  string
	}{
		{nil, 8, ""},
		{[]modbus.Span{in(6, 2), in(0, 2), in(2, 2)}, 0, "input 0+4[1 2] input 6+2[0]"},
		{[]modbus.Span{in(6, 2), in(0, 2), in(2, 2)}, 2, "input 0+8[1 2 0]"},
		{[]modbus.Span{in(0, 2), in(2, 2)}, -1, "input 0+2[0] input 2+2[1]"},
		{[]modbus.Span{in(0, 2), hold(2, 2)}, 8, "holding 2+2[1] input 0+2[0]"},
		{[]modbus.Span{in(0, 1), in(124, 1), in(125, 1)}, 200, "input 0+125[0 1] input 125+1[2]"},
		{[]modbus.Span{in(0, 4), in(1, 1), in(0, 2)}, 0, "input 0+4[0 2 1]"}, // one within another
		{[]modbus.Span{{modbus.Coil, 0, 1}, {modbus.Coil, 1999, 1}, {modbus.Coil, 2000, 1}}, 2000, "coil 0+2000[0 1] coil 2000+1[2]"},
	} {
		var got []string
		for _, r := range modbus.Plan(row.spans, row.gap) {
			got = append(got, fmt.Sprintf("%v %d+%d%v", r.Table, r.Address, r.Count, r.Holds))
		}
		if text := strings.Join(got, " "); text != row.want {
			t.Errorf("%v with gap %d: %s, want %s", row.spans, row.gap, text, row.want)
		}
	}
}

func TestArrange(t *testing.T) {
	for _, row := range []struct {
		o        modbus.Order
		in, want string
	}{
		{modbus.Order{}, "0102", "0102"},
		{modbus.Order{LowByteFirst: true}, "0102", "0201"},
		{modbus.Order{LowWordFirst: true}, "0102", "0102"},
		{modbus.Order{}, "01020304 05", "01020304"},
		{modbus.Order{LowWordFirst: true}, "01020304", "03040102"},
		{modbus.Order{LowByteFirst: true}, "01020304", "02010403"},
		{modbus.Order{LowWordFirst: true, LowByteFirst: true}, "01020304", "04030201"},
		{modbus.Order{LowWordFirst: true}, "0102030405060708", "0708050603040102"},
	} {
		dst := make([]byte, len(row.want)/2)
		if ok := row.o.Arrange(dst, unhex(t, row.in)); !ok || !bytes.Equal(dst, unhex(t, row.want)) {
			t.Errorf("%+v %s: % x %v, want %s", row.o, row.in, dst, ok, row.want)
		}
	}
	if (modbus.Order{}).Arrange(make([]byte, 4), []byte{1, 2, 3}) {
		t.Error("three bytes are no two registers")
	}
}

func TestBitAt(t *testing.T) {
	data := []byte{0b10, 0b1}
	for i, want := range []byte{0, 1, 0, 0, 0, 0, 0, 0, 1} {
		if got, ok := modbus.BitAt(data, i); !ok || got != want {
			t.Errorf("bit %d: %d %v", i, got, ok)
		}
	}
	for _, i := range []int{-1, 16} {
		if _, ok := modbus.BitAt(data, i); ok {
			t.Errorf("there is no bit %d", i)
		}
	}
}

func TestRecognise(t *testing.T) {
	talk := slices.Concat(modbus.Request{Unit: 1, Table: modbus.Input, Count: 2}.Append(nil), sealed([]byte{1, 4, 4, 1, 2, 3, 4}), sealed([]byte{9, 0x83, 2}))
	if _, share := modbus.Recognise(bytes.Repeat(talk, 20)); share != 1 {
		t.Errorf("all of it is Modbus, not %.2f", share)
	}
	if _, share := modbus.Recognise([]byte("$GPGGA,1,2,3*00\r\n")); share != 0 {
		t.Errorf("a sentence is not Modbus: %.2f", share)
	}
}

func TestAllocations(t *testing.T) {
	ask := modbus.Request{Unit: 1, Table: modbus.Input, Count: 2}
	came := sealed([]byte{1, 4, 4, 0x43, 0x66, 0x33, 0x33})
	buf := make([]byte, 0, modbus.RequestSize)
	var value [4]byte
	if n := testing.AllocsPerRun(100, func() {
		buf = ask.Append(buf[:0])
		data, _, _ := ask.Find(came)
		modbus.Order{}.Arrange(value[:], data)
	}); n != 0 {
		t.Errorf("a poll allocates %v times", n)
	}
}

func BenchmarkPoll(b *testing.B) {
	b.ReportAllocs()
	ask := modbus.Request{Unit: 1, Table: modbus.Input, Count: 80}
	came := sealed(append([]byte{1, 4, 160}, bytes.Repeat([]byte{0x43, 0x66, 0x33, 0x33}, 40)...))
	buf := make([]byte, 0, modbus.RequestSize)
	var value [4]byte
	for b.Loop() {
		buf = ask.Append(buf[:0])
		data, _, _ := ask.Find(came)
		for at := 0; at < len(data); at += 4 {
			modbus.Order{}.Arrange(value[:], data[at:])
		}
	}
}

// FuzzFind: whatever came, an answer has what was asked for and a right checksum.
func FuzzFind(f *testing.F) {
	f.Add(sealed([]byte{1, 3, 2, 0x12, 0x34}), uint8(3), uint8(1))
	f.Add(sealed([]byte{1, 0x81, 11}), uint8(1), uint8(40))
	f.Add(slices.Concat(modbus.Request{Unit: 1, Table: modbus.Input, Address: 0x400, Count: 2}.Append(nil), sealed([]byte{1, 4, 4, 1, 2, 3, 4})), uint8(4), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, table, count uint8) {
		if len(in) > 256 {
			return
		}
		r := modbus.Request{Unit: 1, Table: modbus.Table(table%4 + 1), Count: uint16(count%125 + 1)}
		data, ex, res := r.Find(in)
		if (res == modbus.Good) != (data != nil) || res != modbus.Refused && ex != 0 {
			t.Fatalf("%v with % x and %v", res, data, ex)
		}
		if res == modbus.Good {
			frame := sealed(append([]byte{1, byte(r.Table), byte(len(data))}, data...))
			if len(frame) != r.AnswerSize() || !bytes.Contains(in, frame) {
				t.Fatalf("% x is in no frame of % x", data, in)
			}
		}
		if _, share := modbus.Recognise(in); share < 0 || share > 1 {
			t.Fatal(share)
		}
		var value [2 * modbus.Longest]byte
		if ok := (modbus.Order{LowWordFirst: count&1 != 0, LowByteFirst: count&2 != 0}).Arrange(value[:], in); ok != (len(in) >= len(value)) {
			t.Fatal("it arranges what is not there, or does not what is")
		}
	})
}
