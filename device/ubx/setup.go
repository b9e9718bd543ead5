package ubx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Progress is how far a setup is.
type Progress uint8

// The stages of a setup.
const (
	Asking     Progress = iota // which receiver it is
	Setting                    // it is being told
	Done                       // all of it was acknowledged
	Partly                     // some was refused
	Unanswered                 // it does not answer; it is asked again later
)

// Times of a Setup, in milliseconds.
const (
	answerTime = 1500 // u-blox promises an answer within a second
	tries      = 3
	// settleTime is how long a second answer to what was sent twice is waited for, so that
	// it is not taken for the answer to what is sent next.
	settleTime = 400
	laterTime  = 30_000 // after which one is asked again that does not answer,
	laterMost  = 600_000
	lostTime   = 10_000 // without a message that was switched on, after which it must have restarted
	lostMost   = 3600_000
)

// Setup tells a receiver how it is to be set up, one setting at a time, each until it is
// acknowledged. It reads no clock and writes nothing: whoever has the line hands over what
// came, with the time in milliseconds on a clock that does not jump, and sends what Next
// gives.
//
// A receiver that has restarted has forgotten what was not saved in it. That shows by the
// text that it sends then, by MON-VER that nobody asked for, or by messages that were
// switched on and do not come any more while others do. It is set up again then.
type Setup struct {
	plan   Plan
	expect ID // a message that comes each epoch once all is done, 0 = none is known to

	progress Progress
	version  Version
	asked    ID // of which an answer is awaited: MON-VER, CFG-GNSS; 0 = none
	gnss     []byte
	steps    []step
	at       int // step
	frame    int // of it
	acked    bool
	refused  []string

	due      int64
	question int64 // when it was asked last
	tried    int
	later    int64 // pause before it is asked again
	lost     int64 // how long messages may stay away
	seen     int64 // when the expected message came last
	heard    int64 // when anything did
	waits    bool  // for an acknowledgement
}

// NewSetup begins a setup.
func NewSetup(p Plan) *Setup {
	s := &Setup{plan: p, later: laterTime}
	s.lost = s.patience()
	s.again(0)
	return s
}

// patience is how long a message may stay away that comes each epoch.
func (s *Setup) patience() int64 { return max(lostTime, 5*int64(s.plan.Interval)) }

func (s *Setup) again(now int64) {
	s.progress, s.asked, s.due, s.tried, s.waits, s.expect = Asking, MonVER, now, 0, false, 0
	s.steps, s.at, s.frame, s.acked, s.refused, s.gnss = nil, 0, 0, false, nil, nil
}

// Progress is how far it is, and what of it was refused or not answered.
func (s *Setup) Progress() (p Progress, refused []string) { return s.progress, s.refused }

// Receiver is which one it is: "ROM SPG 5.10, protocol 34.10".
func (s *Setup) Receiver() string {
	text := s.version.Software
	for _, x := range s.version.Extensions {
		if strings.HasPrefix(x, "MOD=") {
			text = x[4:] + ", " + text
		}
	}
	if v := s.protocol(); v > 0 {
		text += fmt.Sprintf(", protocol %.2f", v)
	}
	return text
}

// protocol is the version of its protocol, 0 = it does not say.
func (s *Setup) protocol() float64 {
	for _, x := range s.version.Extensions {
		if rest, ok := strings.CutPrefix(x, "PROTVER"); ok { // "PROTVER=18.00", before M8 with a blank
			v, _ := strconv.ParseFloat(strings.Trim(rest, "= "), 64)
			return v
		}
	}
	return 0
}

// modern says that it takes CFG-VALSET and will not take much else: F9 and later.
func (s *Setup) modern() bool { return s.protocol() >= 27 }

// Due is when Next is to be asked at the latest.
func (s *Setup) Due() int64 { return s.due }

// Next is what is to be sent now, nil = nothing.
func (s *Setup) Next(now int64) []byte {
	if now < s.due {
		return nil
	}
	switch s.progress {
	case Done, Partly:
		s.due = now + 1000
		if s.expect != 0 && now-s.seen >= s.lost && now-s.heard < 2000 {
			s.lost = min(2*s.lost, lostMost)
			s.again(now)
			return s.ask(now)
		}
		return nil
	case Unanswered:
		s.again(now)
		return s.ask(now)
	case Asking:
		return s.ask(now)
	}
	return s.tell(now)
}

// ask sends a question, again and again, until it is given up.
func (s *Setup) ask(now int64) []byte {
	if s.tried == tries {
		if s.asked == CfgGNSS { // a receiver that does not have it: u-blox 6
			s.refused = append(s.refused, "constellations")
			s.begin(now)
			return s.tell(now)
		}
		s.progress, s.due = Unanswered, now+s.later
		s.later = min(2*s.later, laterMost)
		return nil
	}
	s.tried++
	s.question, s.due = now, now+answerTime
	return Append(nil, s.asked)
}

// begin starts with the settings.
func (s *Setup) begin(now int64) {
	s.asked, s.progress, s.due, s.tried, s.waits = 0, Setting, now, 0, false
	s.steps = s.plan.steps(s.modern(), s.gnss)
	s.at, s.frame, s.acked = 0, 0, false
}

// tell sends the frame that is next, or once more where it was not answered.
func (s *Setup) tell(now int64) []byte {
	if s.waits && s.tried == tries {
		s.answered(false, now)
	}
	if s.at == len(s.steps) {
		s.end(now)
		return nil
	}
	if now < s.due {
		return nil
	}
	s.waits = true
	s.tried++
	s.due = now + answerTime
	return s.steps[s.at].frames[s.frame]
}

// answered goes on to the next frame or step.
func (s *Setup) answered(good bool, now int64) {
	st := s.steps[s.at]
	s.acked = s.acked || good
	s.due = now
	if s.tried > 1 {
		s.due = now + settleTime
	}
	s.waits, s.tried = false, 0
	if s.frame++; s.frame < len(st.frames) && !(st.first && s.acked) {
		return
	}
	if !s.acked {
		s.refused = append(s.refused, st.name)
	}
	s.at, s.frame, s.acked = s.at+1, 0, false
}

func (s *Setup) end(now int64) {
	s.progress = Done
	if len(s.refused) > 0 {
		s.progress = Partly
	}
	if len(s.refused) == 0 {
		s.plan.Save = false // a flash wears out, and a receiver that restarts may do so again and again
	}
	s.seen, s.later, s.due = now, laterTime, now+1000
	for _, name := range s.plan.Messages {
		m, on, _ := named(name)
		if on && s.expect == 0 && m.id>>8 == 0x01 && m.id != NavEOE && !slices.Contains(s.refused, name) {
			s.expect = m.id
		}
	}
}

// Came says that bytes came, whatever they are.
func (s *Setup) Came(now int64) { s.heard = now }

// Restarted says that the receiver has started anew, as its text shows.
func (s *Setup) Restarted(now int64) {
	if s.progress == Done || s.progress == Partly || s.progress == Setting {
		s.again(now + 500) // it does not hear at once
	}
}

// Hear takes a frame that came.
func (s *Setup) Hear(f Frame, now int64) {
	switch {
	case f.Form != UBX:
	case f.ID == s.expect && s.expect != 0:
		s.seen, s.lost = now, s.patience()
	case f.ID == MonVER && s.asked == MonVER:
		if s.version.Parse(f.Payload) != Fine {
			return
		}
		s.asked = 0
		if len(s.plan.Systems) > 0 && !s.modern() {
			s.asked, s.tried, s.due = CfgGNSS, 0, now
			return
		}
		s.begin(now)
	case f.ID == MonVER:
		if now-s.question > 5000 { // else it is the answer to one that was asked twice
			s.Restarted(now)
		}
	case f.ID == CfgGNSS && s.asked == CfgGNSS:
		s.gnss = append([]byte{}, f.Payload...)
		s.refused = append(s.refused, s.plan.absent(s.gnss)...)
		s.begin(now)
		s.due = now + settleTime // an acknowledgement follows, which is of the question
	case f.ID == InfNotice && strings.Contains(string(f.Payload), "u-blox"):
		s.Restarted(now)
	case f.ID == AckACK || f.ID == AckNAK:
		s.acknowledge(f, now)
	}
}

// acknowledge takes the answer to what was sent last.
func (s *Setup) acknowledge(f Frame, now int64) {
	if !s.waits || s.at >= len(s.steps) {
		return
	}
	sent := s.steps[s.at].frames[s.frame]
	if sent[2] == f.Payload[0] && sent[3] == f.Payload[1] {
		s.answered(f.ID == AckACK, now)
	}
}
