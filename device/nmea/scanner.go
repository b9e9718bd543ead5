package nmea

// DefaultMax is the longest sentence a Scanner keeps unless told otherwise, in
// bytes. The standard says 82; receivers are known to send 120 and more.
const DefaultMax = 1024

// Event says what a Scanner found.
type Event uint8

// The events. Only Good comes with a Sentence.
const (
	More   Event = iota // nothing finished yet: bring more bytes
	Good                // a sentence with a right checksum, or a Lenient one without
	BadSum              // a sentence whose checksum is wrong
	NoSum               // a sentence without a checksum
	Long                // a sentence beyond the limit, given up
	Cut                 // a sentence cut short by another start or a byte that no sentence has
	Noise               // bytes outside sentences: one event a line, or one every 4096 bytes
	Events              // their number
)

const (
	noiseMax = 4096
	shortest = 3 // bytes of an address without which a line is no sentence
)

type state uint8

const (
	hunting  state = iota // between sentences
	tagging               // in a tag block: \...\
	reading               // in a sentence, before its '*'
	summing               // in the two digits of the checksum
	trailing              // after a sentence, before its line ends
	skipping              // in the rest of a sentence that was too long
)

// Scanner cuts a stream of bytes into sentences. A sentence begins with '$' or
// '!' wherever that stands, and ends with the second digit of its checksum: it
// is handed over before its CR and LF arrive. It allocates nothing after
// NewScanner and is not safe for concurrent use.
type Scanner struct {
	Lenient bool // take sentences without checksum

	buf   []byte // the sentence from its start byte on
	max   int
	state state
	sum   byte
	want  byte
	digit int
	tag   int
	noise int
	s     Sentence
}

// NewScanner makes a scanner for sentences of at most limit bytes; 0 means
// DefaultMax, and anything below the standard's 82 means 82.
func NewScanner(limit int) *Scanner {
	if limit == 0 {
		limit = DefaultMax
	}
	limit = min(max(limit, 82), maxLimit)
	return &Scanner{buf: make([]byte, 0, limit), max: limit}
}

// maxLimit keeps offsets into a sentence within 16 bits.
const maxLimit = 1<<16 - 1

// Sentence is what the last Scan that returned Good has found.
func (sc *Scanner) Sentence() *Sentence { return &sc.s }

// Scan reads b up to the first event and says how many bytes it took. It is to
// be called again with the rest until it returns More, which takes everything.
func (sc *Scanner) Scan(b []byte) (n int, ev Event) {
	for i := 0; i < len(b); i++ {
		if sc.state == reading {
			i += sc.plain(b[i:])
			if i == len(b) {
				break
			}
			if len(sc.buf) == sc.max && inside(b[i]) {
				sc.state = skipping
				return i + 1, Long
			}
		}
		ev, again := sc.step(b[i])
		if ev != More {
			if again {
				return i, ev
			}
			return i + 1, ev
		}
	}
	return len(b), More
}

// Break says that something else stands between the bytes so far and those to come, as a
// binary frame: what is open ends. It gives the event of that, More where nothing is.
func (sc *Scanner) Break() Event {
	was, noise := sc.state, sc.noise
	sc.state, sc.noise = hunting, 0
	switch {
	case was == reading || was == summing:
		return Cut
	case noise > 0 && was != skipping:
		return Noise
	}
	return More
}

// inside says that c stands within a sentence and does not end it.
func inside(c byte) bool { return c >= ' ' && c < 0x7f && c != '*' && c != '$' && c != '!' }

// plain takes the bytes up to the first that is not the plain inside of a
// sentence, as far as they fit.
func (sc *Scanner) plain(b []byte) int {
	b = b[:min(len(b), sc.max-len(sc.buf))]
	n, x := len(b), sc.sum
	for i, c := range b {
		if !inside(c) {
			n = i
			break
		}
		x ^= c
	}
	sc.sum = x
	sc.buf = append(sc.buf, b[:n]...)
	return n
}

// step handles one byte that is not the plain inside of a sentence. again says
// that the byte is to be looked at once more after the event.
func (sc *Scanner) step(c byte) (ev Event, again bool) {
	if c == '$' || c == '!' {
		return sc.start(c)
	}
	switch sc.state {
	case reading:
		return sc.end(c)
	case summing:
		return sc.checksum(c)
	case tagging:
		sc.tag++
		if c == '\\' || c == '\r' || c == '\n' || sc.tag > sc.max {
			sc.state = hunting
		}
	case skipping, trailing:
		switch {
		case c == '\r' || c == '\n':
			sc.state, sc.noise = hunting, 0
		case sc.state == trailing && c != ' ':
			sc.state = hunting
			return sc.between(c)
		case sc.state == skipping:
			return sc.stray(), false
		}
	case hunting:
		return sc.between(c)
	}
	return More, false
}

// start begins a sentence, after reporting what it cuts short.
func (sc *Scanner) start(c byte) (Event, bool) {
	was := sc.state
	switch {
	case was == reading || was == summing:
		sc.state = hunting
		return Cut, true
	case sc.noise > 0 && was != skipping:
		sc.noise = 0
		sc.state = hunting
		return Noise, true
	}
	sc.noise = 0
	sc.buf = append(sc.buf[:0], c)
	sc.sum = 0
	sc.state = reading
	return More, false
}

// end handles a byte that ends the inside of a sentence.
func (sc *Scanner) end(c byte) (Event, bool) {
	switch {
	case c == '*':
		sc.state, sc.digit, sc.want = summing, 0, 0
		return More, false
	case c != '\r' && c != '\n':
		sc.state = hunting
		return Cut, true
	}
	sc.state = hunting
	if len(sc.buf) <= shortest {
		return Cut, false
	}
	if sc.Lenient {
		return sc.good(), false
	}
	return NoSum, false
}

func (sc *Scanner) checksum(c byte) (Event, bool) {
	d, ok := hex(c)
	if !ok {
		// "*" and the end of the line: some receivers leave the digits out.
		sc.state = hunting
		if sc.digit == 0 && (c == '\r' || c == '\n') && len(sc.buf) > shortest {
			if sc.Lenient {
				return sc.good(), false
			}
			return NoSum, false
		}
		return Cut, true
	}
	sc.want = sc.want<<4 | d
	if sc.digit++; sc.digit < 2 {
		return More, false
	}
	sc.state = trailing
	switch {
	case sc.want != sc.sum:
		return BadSum, false
	case len(sc.buf) <= shortest:
		return Cut, false
	}
	return sc.good(), false
}

func (sc *Scanner) good() Event {
	sc.s.split(sc.buf[0], sc.buf[1:])
	return Good
}

// between handles a byte outside sentences.
func (sc *Scanner) between(c byte) (Event, bool) {
	switch {
	case c == '\\' && sc.noise == 0:
		sc.state, sc.tag = tagging, 0
	case c != '\r' && c != '\n':
		return sc.stray(), false
	case sc.noise > 0:
		sc.noise = 0
		return Noise, false
	}
	return More, false
}

func (sc *Scanner) stray() Event {
	if sc.noise++; sc.noise < noiseMax {
		return More
	}
	sc.noise = 0
	return Noise
}

func hex(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
