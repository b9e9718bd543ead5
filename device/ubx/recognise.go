package ubx

// Share counts the frames of UBX in b and the bytes of frames, RTCM 3 among them, and adds
// the bytes in none to text, with an end of line where a frame stood. Half a frame at
// the end is left out.
func Share(text, b []byte) (rest []byte, frames, framed int) {
	for {
		before, f, _ := Next(b, false)
		text = append(text, b[:before]...)
		if f.Form == None {
			return text, frames, framed
		}
		if f.Form == UBX {
			frames++
		}
		text, framed = append(text, '\n'), framed+f.Size
		b = b[before+f.Size:]
	}
}

// Begun says that b ends with the header of a frame of UBX and some of what belongs to it.
func Begun(b []byte) bool {
	for {
		before, f, _ := Next(b, false)
		if b = b[before:]; f.Form == None {
			return len(b) >= header && b[0] == 0xB5
		}
		b = b[f.Size:]
	}
}
