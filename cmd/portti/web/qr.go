package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// QR draws a text for a camera: two rows of squares a line, in half blocks, or without
// them two characters a square. The quiet border of light squares is part of it, and the
// light is drawn, so that it is right on a dark terminal, which most are; colour = the
// terminal knows black and white, and it is right on every one.
func QR(text string, ascii, colour bool) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("cannot draw a QR code: %w", err)
	}
	const border = 2
	light := func(x, y int) bool { return !code.Black(x, y) } // outside of the code nothing is black
	before, after := "", ""
	if colour {
		before, after = "\x1b[97;40m", "\x1b[0m"
	}
	var b strings.Builder
	rows := 2
	if ascii {
		rows = 1
	}
	for y := -border; y < code.Size+border; y += rows {
		b.WriteString(before)
		for x := -border; x < code.Size+border; x++ {
			switch {
			case ascii && light(x, y):
				b.WriteString("##")
			case ascii:
				b.WriteString("  ")
			case light(x, y) && light(x, y+1) && y+1 < code.Size+border:
				b.WriteString("█")
			case light(x, y):
				b.WriteString("▀")
			case light(x, y+1):
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString(after + "\n")
	}
	return b.String(), nil
}
