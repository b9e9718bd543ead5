package testkit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Screen draws what stands on a terminal as a picture for the documentation: text that can
// be selected and found, light or dark as the reader has it. The marks have the colours
// that the terminal gives them; nothing else has one.
func Screen(title, describes, text string) string {
	const wide, high, edge = 8, 17, 12 // of a character, and around all of them
	rows := strings.Split(strings.TrimRight(text, "\n"), "\n")
	columns := 0
	for _, row := range rows {
		columns = max(columns, utf8.RuneCountInString(row))
	}
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;",
		"●", `<tspan class="ok">●</tspan>`, "○", `<tspan class="dim">○</tspan>`, "▲", `<tspan class="warn">▲</tspan>`, "✗", `<tspan class="bad">✗</tspan>`)
	var b strings.Builder
	w, h := columns*wide+2*edge, len(rows)*high+2*edge
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">
<title id="t">%s</title>
<desc id="d">%s</desc>
<style>
rect{fill:#fff;stroke:#ccc}text{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#1c1c1c;white-space:pre}
.ok{fill:#187a2f}.dim{fill:#0b7285}.warn{fill:#9a5b00}.bad{fill:#c22}
@media(prefers-color-scheme:dark){rect{fill:#16191d;stroke:#444}text{fill:#e6e6e6}.ok{fill:#5bd075}.dim{fill:#5cc8dd}.warn{fill:#f0b429}.bad{fill:#ff7b72}}
</style>
<rect x=".5" y=".5" width="%d" height="%d" rx="6"/>
`, w, h, w, h, escape.Replace(title), escape.Replace(describes), w-1, h-1)
	for i, row := range rows {
		row = strings.TrimRight(row, " ")
		blank := utf8.RuneCountInString(row) - utf8.RuneCountInString(strings.TrimLeft(row, " "))
		if row = strings.TrimLeft(row, " "); row == "" {
			continue
		}
		// as long as the terminal has it, whatever font there is
		fmt.Fprintf(&b, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n",
			edge+blank*wide, edge+i*high+high-4, utf8.RuneCountInString(row)*wide, escape.Replace(row))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
