package nmea

// modes decides whether a fix is two- or three-dimensional or none, by the
// last word of the epoch. The rules were fitted to gpsd 3.22, so that both
// give the same answer on the same sentences: see doc.go.
type modes struct {
	now    uint8 // of the open epoch: 0 nobody has said yet
	before uint8 // of the epoch before
	alt    bool  // an altitude came with this epoch
	altOld bool  // ... with the epoch before

	used   int16   // satellites named by the last GSA, or the last run of them
	run    byte    // talker of the GSA just before, 0 = another sentence came between
	multi  bool    // a GSA of another system than GPS has been seen: GPGSA is only a part
	talker [2]byte // of the last GGA
	stuck  bool
}

func (m *modes) begin() {
	if m.now != 0 {
		m.before = m.now
	}
	m.now = 0
	m.altOld, m.alt = m.alt, false
}

// standing is the mode in force: the epoch's, or the one before it.
func (m *modes) standing() uint8 {
	if m.now != 0 {
		return m.now
	}
	return m.before
}

// hold keeps a fix three-dimensional while altitudes come, until a sentence
// says that there is none at all: RMC and GLL cannot tell two from three. It is
// asked before the sentence opens an epoch, so that "before" is right.
func (m *modes) hold(mode uint8) uint8 {
	if mode == 2 && m.standing() == 3 && (m.alt || m.altOld) {
		return 3
	}
	return mode
}

func (m *modes) ofGGA(g *GGAData, stuck bool) uint8 {
	m.stuck = stuck
	switch {
	case stuck, !g.Position.Present, g.Quality == 0:
		return 1
	case g.Alt.Present && g.Sats >= 4:
		return 3
	}
	return m.hold(2)
}

func (m *modes) ofRMC(r *RMCData) uint8 {
	switch {
	case r.Status != 'A' && r.Status != 'D', !r.Position.Present:
		return 1
	case m.standing() == 3, m.used > 3, m.alt:
		return 3
	}
	return 2
}

func (m *modes) ofGLL(g *GLLData) uint8 {
	switch {
	case g.Status != 'A', g.Mode == 'N', !g.Position.Present:
		return 1
	case m.alt, m.used > 3:
		return 3
	}
	return m.hold(2)
}

// ofGNS gives 0 where the sentence says nothing of a fix: each system's own
// sentence ($GPGNS, $GLGNS) next to the common one leaves mode and position empty.
func (m *modes) ofGNS(g *GNSData) uint8 {
	switch {
	case g.Mode == 0 && !g.Position.Present:
		return 0
	case g.Mode == 0, g.Mode == 'N', !g.Position.Present:
		return 1
	case g.Alt.Present && g.Sats > 3:
		return 3
	}
	return m.hold(2)
}

// ofGSA gives 0 where the sentence says nothing about the whole fix.
func (m *modes) ofGSA(g *GSAData, talker [2]byte) uint8 {
	if !g.Whole || m.stuck {
		return 0
	}
	if m.run == 0 || m.run == talker[1] && talker[1] != 'N' {
		m.used = 0
	}
	m.used += g.Used
	m.run = talker[1]
	if talker[1] != 'P' {
		m.multi = true
	} else if m.multi {
		return 0
	}
	return m.hold(uint8(max(g.Mode, 0)))
}
