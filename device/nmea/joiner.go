package nmea

// Options of a Joiner.
type Options struct {
	// Floor is a time, in Unix milliseconds, before which no receiver can be
	// living, such as the build date. A date before it is moved on by 1024 weeks
	// until it is not. 0 = dates are taken as they are.
	Floor int64
	// Latest is the time, in Unix milliseconds, after which it cannot be now. A
	// date that would have to be moved beyond it is not moved at all: one that no
	// rollover explains (a recording, a simulator) stays what it is. It is asked when a
	// date is before Floor; nil = no limit.
	Latest func() int64
	// Mono is asked when an epoch begins; nil = Fix.Began stays 0.
	Mono func() int64
}

// Joiner gathers the sentences of one receiver into one Fix per epoch. It is
// not safe for concurrent use and allocates nothing after NewJoiner.
//
// An epoch is complete with the first of: a sentence of another time, the
// sentence that was the last of its cycle three times running, or Idle. Then
// emit is called with the Fix, which is good during the call. Every epoch is
// emitted once, those without a fix too, with Mode 1.
type Joiner struct {
	emit func(*Fix)
	opts Options

	open  bool
	fix   Fix // of the open epoch, or the last one
	date  Date
	count [Types]uint8 // sentences of the open epoch by type
	last  ender        // the last of them
	void  bool         // a sentence says that there is no fix: nothing outweighs that

	mode  modes
	cycle cycle
	dates calendar
	error statement
	ahead VTGData // came after the epoch's end: belongs to the next, unless Idle
	late  uint64

	gga GGAData
	rmc RMCData
	gns GNSData
	gsa GSAData
	vtg VTGData
	gll GLLData
	zda ZDAData
	gst GSTData
	gbs GBSData
}

// NewJoiner makes a joiner that calls emit for every epoch.
func NewJoiner(opts Options, emit func(*Fix)) *Joiner {
	j := &Joiner{emit: emit, opts: opts}
	j.cycle.need = agreeing
	j.fix.Clock = NoTime
	j.error.time = NoTime
	return j
}

// Late counts the sentences that came after their epoch had been emitted.
func (j *Joiner) Late() uint64 { return j.late }

// Add takes one sentence. It may call emit, and says what was wrong with the
// sentence's fields. Sentences of other types are ignored.
func (j *Joiner) Add(s *Sentence) Fault {
	if s.Type != GSA {
		j.mode.run = 0
	}
	switch s.Type {
	case GGA:
		return j.addGGA(s)
	case RMC:
		return j.addRMC(s)
	case GNS:
		return j.addGNS(s)
	case GLL:
		return j.addGLL(s)
	case GSA:
		return j.addGSA(s)
	case VTG:
		return j.addVTG(s)
	case ZDA:
		return j.addZDA(s)
	case GST:
		fault := j.gst.Parse(s)
		j.addError(GST, j.gst.Time, j.gst.Lat, j.gst.Lon)
		return fault
	case GBS:
		fault := j.gbs.Parse(s)
		j.addError(GBS, j.gbs.Time, j.gbs.Lat, j.gbs.Lon)
		return fault
	}
	return 0
}

// Pending says that something waits for more sentences or for Idle.
func (j *Joiner) Pending() bool { return j.open || j.ahead != (VTGData{}) }

// Idle says that the receiver has been quiet for so long that its cycle must
// be over. An open epoch is emitted.
func (j *Joiner) Idle() {
	if j.open {
		j.close(ByIdle)
		return
	}
	if j.ahead != (VTGData{}) {
		// It did belong to the epoch before: the cycle ends later than learnt.
		j.ahead = VTGData{}
		j.late++
		j.cycle.forget()
	}
}

func (j *Joiner) addGGA(s *Sentence) Fault {
	g := &j.gga
	fault := g.Parse(s)
	mode := j.mode.ofGGA(g, j.stuck(s.Talker, g.Time))
	j.mode.talker = s.Talker
	if !j.place(GGA, g.Time) {
		return fault
	}
	if g.Quality != 0 && g.Position.Present {
		j.fix.Position = g.Position
		if g.Alt.Present {
			j.fix.Alt = g.Alt
		}
	}
	if g.Quality != 0 || j.fix.Quality <= 0 { // else another system has a fix
		j.mode.now = mode
	}
	j.fix.Quality = max(j.fix.Quality, g.Quality)
	j.fix.Sats = max(j.fix.Sats, g.Sats)
	j.setHDOP(g.HDOP)
	j.mode.alt = j.mode.alt || g.Alt.Present && g.Position.Present && g.Quality != 0
	j.step(GGA)
	return fault
}

// stuck finds a receiver that has lost its satellites and repeats itself: GGA
// with the time of the GGA before, from the same talker.
func (j *Joiner) stuck(talker [2]byte, t TimeOfDay) bool {
	return j.open && t != NoTime && same(t, j.fix.Clock) && j.count[GGA] > 0 && talker == j.mode.talker
}

func (j *Joiner) addRMC(s *Sentence) Fault {
	r := &j.rmc
	fault := r.Parse(s)
	mode := j.mode.ofRMC(r)
	if !j.place(RMC, r.Time) {
		return fault
	}
	j.void = j.void || r.Status != 'A' && r.Status != 'D'
	if r.Status == 'A' || r.Status == 'D' {
		if r.Date != NoDate && r.Time != NoTime {
			j.date = r.Date
		}
		if r.Position.Present {
			j.fix.Position = r.Position
		}
		if r.Speed.Present {
			j.fix.Speed = knots(r.Speed)
		}
		if r.Course.Present {
			j.fix.Course = r.Course
		}
	}
	j.mode.now = mode
	j.step(RMC)
	return fault
}

func (j *Joiner) addGNS(s *Sentence) Fault {
	g := &j.gns
	fault := g.Parse(s)
	mode := j.mode.ofGNS(g)
	if !j.place(GNS, g.Time) {
		return fault
	}
	j.void = j.void || g.Mode == 'N'
	if mode > 1 {
		j.fix.Position = g.Position
		if g.Alt.Present {
			j.fix.Alt = g.Alt
		}
		j.fix.Sats = max(j.fix.Sats, g.Sats)
		j.setHDOP(g.HDOP)
	}
	if mode > 0 {
		j.mode.now = mode
		j.mode.alt = j.mode.alt || g.Alt.Present && mode > 1
	}
	j.step(GNS)
	return fault
}

func (j *Joiner) addGLL(s *Sentence) Fault {
	g := &j.gll
	fault := g.Parse(s)
	mode := j.mode.ofGLL(g)
	if !j.place(GLL, g.Time) {
		return fault
	}
	j.void = j.void || g.Status == 'V' || g.Mode == 'N'
	if mode > 1 {
		j.fix.Position = g.Position
	}
	j.mode.now = mode
	j.step(GLL)
	return fault
}

func (j *Joiner) addGSA(s *Sentence) Fault {
	fault := j.gsa.Parse(s)
	mode := j.mode.ofGSA(&j.gsa, s.Talker)
	if j.gsa.HDOP.Present && j.open && !j.fix.HDOP.Present {
		j.fix.HDOP = j.gsa.HDOP
	}
	// A GSA without a fix can be the first of the next cycle: it has no time.
	// It does not outweigh a sentence with one that is valid.
	if mode > 0 && !(mode == 1 && j.open && j.mode.now > 1) {
		j.mode.now = mode
	}
	if j.open {
		j.step(GSA)
	}
	return fault
}

func (j *Joiner) addVTG(s *Sentence) Fault {
	fault := j.vtg.Parse(s)
	if j.vtg.Mode == 'N' {
		return fault
	}
	if !j.open {
		j.ahead = j.vtg
		return fault
	}
	j.setVelocity(&j.vtg)
	j.step(VTG)
	return fault
}

func (j *Joiner) addZDA(s *Sentence) Fault {
	fault := j.zda.Parse(s)
	z := &j.zda
	if z.Time == NoTime || z.Date == NoDate {
		return fault
	}
	if j.open && same(z.Time, j.fix.Clock) {
		j.date = z.Date
		j.step(ZDA)
		return fault
	}
	j.dates.learn(z.Date, z.Time)
	return fault
}
