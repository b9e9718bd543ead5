package device

import "slices"

// Flagger is what an Out may be in addition: a driver that finds something wrong
// with what it reads, which the state of the port does not show, raises the code
// of the problem catalogue, and takes it back. Both may be repeated. What a driver
// raised ends with its Run.
type Flagger interface {
	Flag(code string, on bool)
}

// raise is Flag for an Out that may have none.
func raise(out Out, code string, on bool) {
	if f, ok := out.(Flagger); ok {
		f.Flag(code, on)
	}
}

// Flag is part of Flagger.
func (d *device) Flag(code string, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.Index(d.flags, code)
	switch {
	case on && i < 0:
		d.flags = append(d.flags, code)
	case !on && i >= 0:
		d.flags = slices.Delete(d.flags, i, i+1)
	}
}

// unflag takes back what the driver that has ended said.
func (d *device) unflag() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flags = nil
	d.heard.Store(0)
}

// Hearer is what an Out may be in addition: it is told how many tags or nodes a driver has
// heard since its Run began.
type Hearer interface {
	Heard(things int)
}

// hears is Heard for an Out that does not want to know.
func hears(out Out, things int) {
	if h, ok := out.(Hearer); ok {
		h.Heard(things)
	}
}

// Heard is part of Hearer.
func (d *device) Heard(things int) { d.heard.Store(int64(things) + 1) }

// Withholder is what an Out may be in addition: it counts the readings that a driver does
// not send because the configuration says so. They are never read, nor lost.
type Withholder interface {
	Withhold()
}

// withhold is Withhold for an Out that does not count them.
func withhold(out Out) {
	if w, ok := out.(Withholder); ok {
		w.Withhold()
	}
}

// Withhold is part of Withholder.
func (d *device) Withhold() { d.withheld.Add(1) }
