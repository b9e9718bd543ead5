package adv

import "math"

// Outcome is what became of an advertisement.
type Outcome uint8

// The outcomes.
const (
	None     Outcome = iota // of no family that there is here
	Good                    // decoded
	Locked                  // encrypted, and there is no key
	WrongKey                // the key does not fit, or bytes are damaged
	Replayed                // encrypted by the right key, but the counter went back
	Exposed                 // in the clear, though there is a key: not from the tag
	Broken                  // of a family, but not of its form
)

// family is one kind of data, as it is recognised and read.
type family struct {
	name    string
	service bool
	any     bool   // of any company: the maker puts data in place of its number
	id      uint16 // UUID or company
	min     int    // bytes; of any company the number counts as well
	max     int    // 0 = min
	head    string // what the data begins with
	names   []string
	uuid    uint16 // of a service that must be announced; together with names, either will do
	long    string // the same of a UUID of 128 bits, lowest byte first
	fault   int    // this byte's highest bit says that the sensor has failed, and only batl is good; 0 = none
	rows    []row
	more    func(d *Decoder, in *input) Outcome // what rows cannot say, after them
}

// input is what a family's function is given.
type input struct {
	a *Advert
	b []byte
	k *Key
	r *Reading

	opened bool // it was encrypted by the key
}

// Decoder decodes advertisements of all families. It keeps nothing of them; it
// may be used by several goroutines.
type Decoder struct {
	byID    map[uint32][]family
	loose   []family
	objects [256]object
	mi      map[uint16][]row
}

// NewDecoder makes the tables.
func NewDecoder() *Decoder {
	d := &Decoder{byID: map[uint32][]family{}, objects: bthomeObjects(), mi: miObjects()}
	for _, f := range families() {
		if f.max == 0 {
			f.max = f.min
		}
		if f.any {
			d.loose = append(d.loose, f)
			continue
		}
		d.byID[f.key()] = append(d.byID[f.key()], f)
	}
	return d
}

// Families names all that are decoded.
func Families() (names []string) {
	for _, f := range families() {
		names = append(names, f.name)
	}
	return names
}

func families() (all []family) {
	for _, some := range [][]family{ruuviFamilies(), openFamilies(), beaconFamilies(), goveeFamilies(), homeFamilies(), makerFamilies()} {
		all = append(all, some...)
	}
	return all
}

func (f *family) key() uint32 { return partKey(f.service, f.id) }

func partKey(service bool, id uint16) uint32 {
	if service {
		return 1<<16 | uint32(id)
	}
	return uint32(id)
}

// Decode works one advertisement out. k is the sender's key, nil where it has
// none. Only with Good there is something in r.
func (d *Decoder) Decode(a *Advert, k *Key, r *Reading) Outcome {
	r.reset()
	result := None
	for i := range a.n {
		p := &a.parts[i]
		in := &r.in
		*in = input{a: a, b: p.data, k: k, r: r}
		outcome := d.any(d.byID[partKey(p.service, p.id)], in)
		if outcome == None && !p.service {
			in.b = p.whole
			outcome = d.any(d.loose, in)
		}
		if outcome == Good && k != nil && !in.opened {
			outcome = Exposed
		}
		if outcome > Good { // a part that is not the tag's makes the others doubtful
			r.reset()
			return outcome
		}
		result = max(result, outcome)
	}
	return result
}

// any tries families until one fits.
func (d *Decoder) any(some []family, in *input) Outcome {
	for i := range some {
		f := &some[i]
		if !f.fits(in.a, in.b) {
			continue
		}
		if outcome := d.read(f, in); outcome != None {
			return outcome
		}
	}
	return None
}

func (f *family) fits(a *Advert, b []byte) bool {
	if len(b) < f.min || len(b) > f.max || len(b) < len(f.head) || string(b[:len(f.head)]) != f.head {
		return false
	}
	switch {
	case f.long != "":
		return string(a.long) == f.long
	case len(f.names) == 0 && f.uuid == 0, f.uuid != 0 && a.announces(f.uuid):
		return true
	}
	for _, name := range f.names {
		if a.named(name) {
			return true
		}
	}
	return false
}

func (d *Decoder) read(f *family, in *input) Outcome {
	from := in.r.n
	if f.fault > 0 && in.b[f.fault]&0x80 != 0 {
		for i := range f.rows {
			if f.rows[i].Name == "batl" {
				in.r.read(f.rows[i:i+1], in.b)
			}
		}
	} else {
		in.r.read(f.rows, in.b)
	}
	outcome := Good
	if f.more != nil {
		outcome = f.more(d, in)
	}
	switch {
	case outcome != Good:
		in.r.n = from
	case in.r.Family == "" || in.r.n > from && in.r.Beacon:
		in.r.Family = f.name
	}
	return outcome
}

// rounded makes a value of what the maker gives as a formula, to so many decimals.
func rounded(v float64, decimals int) Value {
	return decimal(int64(math.Round(v*math.Pow10(decimals))), decimals)
}
