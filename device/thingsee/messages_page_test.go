package thingsee

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portti/cross/testkit"
)

// docs/messages.md is the catalogue for people, made of the same table:
//
//	go test ./device/thingsee -run MessagesPage -update
func TestMessagesPage(t *testing.T) {
	testkit.Golden(t, "../../docs/messages.md", messagesPage())
}

func messagesPage() string {
	var b strings.Builder
	b.WriteString(`# Messages

Every reading is one Thingsee message: a JSON object with the header fields tsmId, tsmEv, tsmTs, tsmTuid and tsmGw and the fields of its
tsmId. These are the messages that portti knows. Those from 90100 up are its own. *up* is from a thing to the server, *down* the other way.
A field is optional unless it says "required"; the range is what portti lets through. A value for which no message has a field, such as
PM2.5, goes as [90200](#90200) under the name that the device gives it. This page is made from the table in
` + "`device/thingsee/table.go`" + `, whose sources ` + "`doc.go`" + ` there names.

## Which message carries a field

| field | messages |
|---|---|
`)
	carriers := map[string][]string{}
	for _, d := range table {
		for _, f := range d.Fields {
			carriers[f.Name] = append(carriers[f.Name], fmt.Sprintf("[%d](#%d)", d.ID, d.ID))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(carriers)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.Join(carriers[name], " "))
	}
	chosen(&b, slices.Sorted(maps.Keys(carriers)))
	b.WriteString("\n## The messages\n")
	for _, d := range table {
		fmt.Fprintf(&b, "\n### %d\n\n%s, %s.\n", d.ID, d.Name, directionWord(d.Direction))
		if len(d.Fields) == 0 {
			continue
		}
		b.WriteString("\n| field | type | unit | range | |\n|---|---|---|---|---|\n")
		for _, f := range d.Fields {
			required := ""
			if f.Required {
				required = "required"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Type, f.Unit, fieldRange(f), required)
		}
	}
	return b.String()
}

func directionWord(d Direction) string {
	return [...]string{"up", "down", "up and down"}[d]
}

func fieldRange(f Field) string {
	limit := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch low, high := f.Min != -math.MaxFloat64, f.Max != math.MaxFloat64; {
	case low && high:
		return limit(f.Min) + " to " + limit(f.Max)
	case low:
		return "from " + limit(f.Min)
	case high:
		return "up to " + limit(f.Max)
	}
	return ""
}

// chosen says where a value goes that is known by its name alone.
func chosen(b *strings.Builder, names []string) {
	b.WriteString(`
## Which message a name chooses

Many fields are in several messages. Types that know a value by its name alone (` + "`lines`, `declared`, `modbus`" + `, tags) send it as:

| name | message |
|---|---|
`)
	of := map[int][]string{}
	for _, name := range names {
		if id := MessageFor([]byte(name)); id != Generic {
			of[id] = append(of[id], "`"+name+"`")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(b, "| %s | [%d](#%d) |\n", strings.Join(of[id], " "), id, id)
	}
	b.WriteString(`
Another name goes along with one of these where that message has it, as ` + "`status`" + ` beside ` + "`carbonDioxide`" + ` in ` + "`lines` and `declared`" + `; else to
[90200](#90200), also one that another message has, as ` + "`angle`" + `. With ` + "`message = TSMID`" + ` the fields that this message has go there and all others to 90200.
` + "`temp`" + ` is the temperature of what is measured: the sensor's own is better called something else, such as ` + "`chipTemp`" + `.

A name of your own is in camelCase and stays the same for ever, as its unit does: m/s, Pa, °C, %, mm, degrees.
`)
}
