package ais

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portti/device/nmea"
)

// corpora is where recordings of others lie next to the project.
const corpora = "../../../shared/corpora"

// readCorpus reads one of them.
func readCorpus(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpora, name))
	if err != nil {
		t.Skip("the corpora are not next to the project: ", err)
	}
	return b
}

// messagesOf decodes a log. Comments are taken out, as gpsd does.
func messagesOf(log []byte) (all []Message) {
	var a Assembler
	sc := nmea.NewScanner(0)
	for line := range bytes.Lines(log) {
		if bytes.HasPrefix(line, []byte("#")) {
			continue
		}
		for len(line) > 0 {
			n, ev := sc.Scan(line)
			line = line[n:]
			if ev != nmea.Good || sc.Sentence().Type != nmea.Foreign || !Is(sc.Sentence()) {
				continue
			}
			if done, _ := a.Add(sc.Sentence(), 0); done {
				all = append(all, *a.Message())
			}
		}
	}
	return all
}

// reportsOf reads gpsd's reports out of its own log or a file of nothing else.
func reportsOf(t *testing.T, log []byte) (all []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(log) {
		if !bytes.HasPrefix(line, []byte(`{"class":"AIS"`)) {
			continue
		}
		var r map[string]any
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// agreement counts fields compared.
type agreement struct {
	reports, missing, fields int
	differ                   []string
	types                    map[uint8]int
}

func num(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// compare holds each report against the next message of ours that is of the same
// type and sender.
func compare(reports []map[string]any, ours []Message) *agreement {
	a := &agreement{types: map[uint8]int{}}
	at := 0
	for _, r := range reports {
		kind, _ := num(r["type"])
		mmsi, _ := num(r["mmsi"])
		if layoutOf(uint8(kind), 0, 0) == nil {
			// Recognised only: it must be there all the same.
			if find(ours, at, uint8(kind), uint32(mmsi)) < 0 {
				a.missing++
				a.differ = append(a.differ, fmt.Sprintf("no message of type %v by %v", kind, mmsi))
			}
			continue
		}
		i := find(ours, at, uint8(kind), uint32(mmsi))
		if i < 0 {
			a.missing++
			a.differ = append(a.differ, fmt.Sprintf("no message of type %v by %v", kind, mmsi))
			continue
		}
		a.reports++
		a.types[uint8(kind)]++
		halves := []*Message{&ours[i]}
		if kind == 24 { // gpsd has joined both
			halves = nil
			for j := range ours {
				if m := &ours[j]; m.Type == 24 && m.MMSI == uint32(mmsi) {
					halves = append(halves, m)
				}
			}
		} else {
			at = i
		}
		for name, v := range r {
			a.field(r, halves, name, v)
		}
		if kind != 24 {
			at++
		}
	}
	return a
}

func find(ours []Message, from int, kind uint8, mmsi uint32) int {
	for i := from; i < len(ours); i++ {
		if ours[i].Type == kind && ours[i].MMSI == mmsi {
			return i
		}
	}
	return -1
}

func (a *agreement) field(r map[string]any, halves []*Message, name string, v any) {
	scaled, _ := r["scaled"].(bool)
	var got []string
	if row := halves[0].find([]byte(name)); row != nil {
		a.fields++
		for _, m := range halves {
			if why := differs(m, row, v, scaled); why == "" {
				return
			} else {
				got = append(got, why)
			}
		}
	} else if name == "repeat" || name == "mmsi" || name == "eta" || name == "timestamp" {
		a.fields++
		if why := other(halves[0], name, v); why != "" && len(halves) == 1 {
			got = append(got, why)
		} else {
			return
		}
	} else {
		return
	}
	a.differ = append(a.differ, fmt.Sprintf("type %v by %v: %s is %v there: %s", r["type"], r["mmsi"], name, v, strings.Join(got, "; ")))
}

// other compares what has no row of its own.
func other(m *Message, name string, v any) string {
	get := func(f Field, none int32) int32 {
		if v, ok := m.Value(f); ok {
			return v
		}
		return none
	}
	var have string
	switch name {
	case "repeat":
		have = fmt.Sprint(m.Repeat)
	case "mmsi":
		have = fmt.Sprint(m.MMSI)
	case "eta":
		have = fmt.Sprintf("%02d-%02dT%02d:%02dZ", get(Month, 0), get(Day, 0), get(Hour, 24), get(Minute, 60))
	case "timestamp":
		have = fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", get(Year, 0), get(Month, 0), get(Day, 0), get(Hour, 24), get(Minute, 60), get(Second, 60))
	}
	if have == fmt.Sprint(v) {
		return ""
	}
	return have
}

// differs compares one field: a value of gpsd that stands for "not available" must be
// absent here.
func differs(m *Message, r *row, v any, scaled bool) string {
	if int(r.field) >= numbers {
		if text, _ := v.(string); text == string(m.Text(r.field)) {
			return ""
		}
		return fmt.Sprintf("%q", m.Text(r.field))
	}
	have, ok := m.Value(r.field)
	want, number := num(v)
	if s, text := v.(string); text {
		switch {
		case m.Type == 27 && r.field == Status: // in words there
			return ""
		case s == "nan" && !ok, s == "fastleft" && have == -127, s == "fastright" && have == 127, s == "fast" && have == 1022:
			return ""
		}
	}
	if !number {
		return fmt.Sprint(have, ok)
	}
	if !scaled || r.field == Heading || r.field == Second || r.field == Status {
		if int32(want) == r.none && !ok || ok && int32(want)*r.scale == have {
			return ""
		}
		return fmt.Sprint(have, ok)
	}
	value, within := float64(have), 0.001
	none := float64(r.none)
	switch r.field {
	case Lon, Lat:
		value, none, within = value/degree, none*float64(r.scale)/degree, 1e-6
		if m.Type == 27 {
			within = 0.0501 // printed with one digit
		}
	case Course, Speed:
		value, none = value/10, none*float64(r.scale)/10
	case Draught:
		value = value / 10
	case Turn:
		tenths, known := m.RateOfTurn()
		value, within, ok = float64(tenths)/10, 0.5001, known // printed as a whole number
	}
	if !ok && math.Abs(want-none) <= within || ok && math.Abs(want-value) <= within {
		return ""
	}
	return fmt.Sprint(value, ok)
}

// known are the differences that there are, and why.
func known() map[string]string {
	const vendor = "gpsd reads seven characters, as the edition before M.1371-4 had it: the first three agree"
	const reserved = "a value that the standard does not have: absent here"
	return map[string]string{
		"type 24 by 265611350: vendorid": vendor,
		"type 24 by 271041815: vendorid": vendor,
		"type 24 by 271040660: vendorid": vendor,
		"type 18 by 413570370: heading":  reserved,
		"type 18 by 413198828: heading":  reserved,
		"type 4 by 972158237: lon":       reserved,
		"type 4 by 972158237: lat":       reserved,
		"type 4 by 972158237: timestamp": reserved + " (year 10196)",
	}
}

// TestAgreesWithGpsd: every field that both know, of all recordings.
func TestAgreesWithGpsd(t *testing.T) {
	types := map[uint8]int{}
	seen := map[string]bool{}
	total := 0
	for _, c := range [][2]string{
		{"ais/pyais_sample.ais", "ais/pyais_sample.ais.gpsdecode.jsonl"},
		{"gpsd/ais/ais-nmea-type6-fid55.log", "gpsd/ais/ais-nmea-type6-fid55.log.chk"},
		{"gpsd/ais/ais_unpack_sixbit.log", "gpsd/ais/ais_unpack_sixbit.log.chk"},
		{"gpsd/ais/saab-r4.log", "gpsd/ais/saab-r4.log.chk"},
		{"gpsd/ais/sample.aivdm", "gpsd/ais/sample.aivdm.js.chk"},
		{"gpsd/ais/sample.aivdm", "gpsd/ais/sample.aivdm.ju.chk"},
	} {
		a := compare(reportsOf(t, readCorpus(t, c[1])), messagesOf(readCorpus(t, c[0])))
		t.Logf("%s: %d reports, %d missing, %d fields, %d differ", filepath.Base(c[1]), a.reports, a.missing, a.fields, len(a.differ))
		for _, d := range a.differ {
			what, _, _ := strings.Cut(d, " is ")
			if why, ok := known()[what]; ok {
				t.Logf("%s: %s", d, why)
				seen[what] = true
				continue
			}
			t.Errorf("%s: %s", filepath.Base(c[1]), d)
		}
		for k, n := range a.types {
			types[k] += n
		}
		total += a.fields
	}
	if len(seen) != len(known()) || total < 16_000 {
		t.Errorf("%d fields were compared, and of the known differences only %v are there", total, seen)
	}
	t.Log("reports by type: ", types, ", fields: ", total)
}
