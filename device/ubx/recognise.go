package ubx

// Recognise says how much of b, from 0 to 1, is frames of UBX and RTCM 3 and what text
// knows of the rest, which the caller says of the bytes in no frame. Half a frame at
// either end of b is left out of the count.
func Recognise(b []byte, text func(b []byte) float64) (frames int, share float64) {
	good, all := 0, 0
	var rest []byte
	for {
		before, f, _ := Next(b, false)
		if frames > 0 || before >= halfAtMost {
			rest, all = append(rest, b[:before]...), all+before
		}
		if f.Form == None {
			break
		}
		if f.Form == UBX {
			frames++
		}
		good, all = good+f.Size, all+f.Size
		b = b[before+f.Size:]
	}
	if all == 0 {
		return 0, 0
	}
	if len(rest) > 0 && text != nil {
		good += int(text(rest) * float64(len(rest)))
	}
	return frames, float64(good) / float64(all)
}

// halfAtMost is how much ahead of the first frame may be the end of one.
const halfAtMost = 512
