package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"portti/cmd/portti/status"
	"portti/cross/testkit"
	"portti/uplink"
)

// docs/codes.md is the catalogue for people, made of what the program says itself:
//
//	go test ./cmd/portti -run CodesPage -update
func TestCodesPage(t *testing.T) {
	testkit.Golden(t, "../../docs/codes.md", codesPage())
}

// families are the beginnings of the codes, in words. A code of another family has no
// place on the page, which fails the test.
var families = [][2]string{
	{"BUF", "the buffer and its disk"}, {"CFG", "the configuration"}, {"CLK", "the clock"}, {"DEV", "a device and its port"},
	{"GPS", "a GPS receiver"}, {"GPSD", "receivers behind gpsd"}, {"BLE", "Bluetooth tags"}, {"WPS", "a Wirepas sink"},
	{"LINES", "text lines"}, {"MOD", "Modbus"}, {"GW", "the gateway's identity"}, {"HW", "rights and hardware of a port"}, {"NET", "the way to the server"},
	{"SYS", "the machine"}, {"TLS", "certificates"}, {"UP", "the server"},
}

func codesPage() string {
	var b strings.Builder
	b.WriteString(`# Problem codes

Every problem that ` + "`portti status`" + ` shows has a code. This page has all of them, as the program itself explains them:

` + "```sh\nportti explain                  # all codes, a line each\nportti explain NET-REFUSED      # one of them\n```" + `

- **Do what is listed from the top.** After each step look at ` + "`portti status`" + `: when the problem is gone, so is its code.
- A word in CAPITALS stands for what your gateway shows there: HOST is the server, PORT a port, SUBJECT the name of a device.
- ✗ **error**: a person has to act. ▲ **warning**: it mends itself, or can wait. ○ **info**: good to know.
- Where one problem is the cause of another, only the cause is shown: each entry names what hides it.
- A setting in ` + "`[brackets]`" + ` is a section of ` + "[the configuration](configuration.md)" + `. How the screen is read: [what status says](status.md).

This page is made from the tables of the program (` + "`portti explain --json`" + ` has the same).

`)
	all := everyProblem()
	for _, f := range families {
		fmt.Fprintf(&b, "**%s**: %s.", f[0], f[1])
		for i, e := range ofFamily(all, f[0]) {
			if i > 0 {
				b.WriteString(" ·")
			}
			fmt.Fprintf(&b, "\n[%s](#%s)", e.Code, strings.ToLower(e.Code))
		}
		b.WriteString("\n\n")
	}
	b.WriteString("[Numbers](#numbers-that-a-server-sends) that a server sends: 1008, 4001, 401 ...\n")
	listed := 0
	for _, f := range families {
		fmt.Fprintf(&b, "\n## %s: %s\n", f[0], f[1])
		for _, e := range ofFamily(all, f[0]) {
			codeEntry(&b, e)
			listed++
		}
	}
	if listed != len(all) {
		b.WriteString("\nA code is of a family that has no place here.\n")
	}
	b.WriteString("\n## Numbers that a server sends\n\nA server that ends or refuses a connection says why with a number. `portti explain NUMBER` explains any of them.\n\n")
	b.WriteString("| close code | means | problem |\n|---|---|---|\n")
	numbers(&b, 1000, 4999, 4000, uplink.MeaningOfClose)
	b.WriteString("\n| HTTP status | means | problem |\n|---|---|---|\n")
	numbers(&b, http.StatusMultipleChoices, 599, http.StatusPaymentRequired, uplink.MeaningOfStatus)
	return b.String()
}

func ofFamily(all []status.Entry, family string) []status.Entry {
	var some []status.Entry
	for _, e := range all {
		if strings.HasPrefix(e.Code, family+"-") {
			some = append(some, e)
		}
	}
	return some
}

func codeEntry(b *strings.Builder, e status.Entry) {
	mark := map[status.Severity]string{status.Error: "✗", status.Warning: "▲", status.Info: "○"}[e.Severity]
	fmt.Fprintf(b, "\n### %s\n\n%s **%s** (%s). %s\n\n", e.Code, mark, e.Title, e.Severity, onPage(e.Sentence))
	for i, a := range e.Actions {
		fmt.Fprintf(b, "%d. %s\n", i+1, onPage(a))
	}
	var notes []string
	if e.ImpactsData {
		notes = append(notes, "Readings are lost by it, or may be.")
	}
	if e.ShowAfter > 0 {
		notes = append(notes, "Shown once it has lasted "+status.InWords(e.ShowAfter)+".")
	}
	if e.LogAfter > e.ShowAfter {
		notes = append(notes, "Logged once it has lasted "+status.InWords(e.LogAfter)+".")
	}
	if len(e.DependsOn) > 0 {
		var causes []string
		for _, c := range e.DependsOn {
			causes = append(causes, fmt.Sprintf("[%s](#%s)", c, strings.ToLower(c)))
		}
		notes = append(notes, "Hidden while one of its causes is open: "+strings.Join(causes, ", ")+".")
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, " ") + "\n")
	}
}

// onPage leaves commands as they are, and takes from the rest what Markdown would read.
func onPage(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "]", `\]`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// numbers lists what each number means, neighbours that mean the same together, and at the
// end what all others mean, of which usual is one.
func numbers(b *strings.Builder, from, to, usual int, meaning func(int) uplink.Meaning) {
	row := func(span string, m uplink.Meaning) {
		fmt.Fprintf(b, "| %s | %s. %s | [%s](#%s) |\n", span, onPage(m.Sentence), m.Does, m.Problem, strings.ToLower(m.Problem))
	}
	for n := from; n <= to; n++ {
		m, first := meaning(n), n
		for n < to && meaning(n+1) == m {
			n++
		}
		switch {
		case m == meaning(usual):
		case n > first:
			row(fmt.Sprintf("%d to %d", first, n), m)
		default:
			row(fmt.Sprint(n), m)
		}
	}
	row("others", meaning(usual))
}
