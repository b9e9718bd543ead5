package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// Window is how many bytes in a row of a known secret are taken for it.
const Window = 12

// Shortest is the length of the shortest secret that is looked for: fewer bytes stand in
// any text by chance.
const Shortest = 4

// Mark stands in the place of what was taken out.
const Mark = "[redacted]"

// index finds known texts. Case does not count.
type index struct {
	windows map[[Window]byte]struct{} // each Window bytes in a row of the long forms
	short   map[string]struct{}       // the forms that are shorter
	lengths []int                     // of these
	first   [1 << 16]bool             // the two bytes with which any of them begins
}

func newIndex(secrets []string) *index {
	x := &index{windows: map[[Window]byte]struct{}{}, short: map[string]struct{}{}}
	for _, s := range secrets {
		for _, form := range forms(s) {
			x.add(form)
		}
	}
	has := map[int]bool{}
	for s := range x.short {
		if !has[len(s)] {
			has[len(s)] = true
			x.lengths = append(x.lengths, len(s))
		}
	}
	return x
}

func (x *index) add(form string) {
	form = string(fold([]byte(form)))
	if len(form) < Shortest {
		return
	}
	if len(form) < Window {
		x.short[form] = struct{}{}
		x.first[pair(form[0], form[1])] = true
		return
	}
	for i := 0; i+Window <= len(form); i++ {
		x.windows[[Window]byte([]byte(form[i:i+Window]))] = struct{}{}
		x.first[pair(form[i], form[i+1])] = true
	}
}

func pair(a, b byte) int { return int(a)<<8 | int(b) }

// fold is b with capital letters of ASCII made small.
func fold(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

// forms are the texts as which a secret may stand somewhere.
func forms(s string) []string {
	s = strings.TrimSpace(s)
	if len(s) < Shortest {
		return nil
	}
	all := []string{s, url.QueryEscape(s), url.PathEscape(s), hex.EncodeToString([]byte(s)), inner(strconv.Quote(s))}
	all = append(all, inBase64([]byte(s))...)
	if text, err := json.Marshal(s); err == nil {
		all = append(all, inner(string(text)))
	}
	if raw, err := hex.DecodeString(s); err == nil && len(raw) >= 8 { // a key written as digits
		all = append(all, inBase64(raw)...)
	}
	return all
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

// inBase64 are the digits that base64 has for b wherever it begins in a group of three
// bytes, without those that the bytes around it change.
func inBase64(b []byte) []string {
	var all []string
	for shift := range 3 {
		padded := append(make([]byte, shift), b...)
		from, to := (shift*8+5)/6, len(padded)*8/6
		if to-from < 6 {
			continue
		}
		all = append(all, base64.RawStdEncoding.EncodeToString(padded)[from:to], base64.RawURLEncoding.EncodeToString(padded)[from:to])
	}
	return all
}

// blot takes what the index knows out of text, and says how often.
func (x *index) blot(text []byte) ([]byte, int) {
	if len(x.windows) == 0 && len(x.short) == 0 {
		return text, 0
	}
	low := fold(text)
	var out bytes.Buffer
	done, count := 0, 0
	for i := 0; i+Shortest <= len(low); {
		end := x.at(low, i)
		if end == 0 {
			i++
			continue
		}
		for j := i + 1; j < end; j++ { // windows that overlap are one secret
			end = max(end, x.at(low, j))
		}
		out.Write(text[done:i])
		out.WriteString(markOf(low[i:end]))
		done, i = end, end
		count++
	}
	if count == 0 {
		return text, 0
	}
	out.Write(text[done:])
	return out.Bytes(), count
}

// markOf is what stands in the place of b: of digits a digit, since they may be a part of
// a number in JSON.
func markOf(b []byte) string {
	if len(bytes.Trim(b, "0123456789")) == 0 {
		return "1"
	}
	return Mark
}

// at is where what begins at i ends; 0 = nothing begins there.
func (x *index) at(low []byte, i int) int {
	if i+1 >= len(low) || !x.first[pair(low[i], low[i+1])] {
		return 0
	}
	if i+Window <= len(low) {
		if _, ok := x.windows[[Window]byte(low[i:i+Window])]; ok {
			return i + Window
		}
	}
	for _, n := range x.lengths {
		if i+n <= len(low) {
			if _, ok := x.short[string(low[i:i+n])]; ok {
				return i + n
			}
		}
	}
	return 0
}
