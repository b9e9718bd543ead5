package device

import (
	"bytes"
	"encoding/binary"
	"time"

	"portti/device/dualmcu"
)

// What a sink is asked, in this order, before it is polled. It is asked anew when it
// says that its stack was started or stopped.
const (
	askMTU     = 1 << iota // as Wirepas' library begins: it tells nothing, but finds the sink
	askStatus              // of the stack
	askAddress             // of the node
	askCost
	askSetCost

	wirepasAttributes = askMTU | askStatus | askAddress
)

// wirepasAsk is the request under way. There is one at a time.
type wirepasAsk struct {
	todo  int // what is left to be asked
	step  int // of the request, 0 = a poll
	await byte
	frame dualmcu.Frame // the request
	args  [2]byte       // its payload
	next  byte          // frame id of the next request
	tries int           // of this step
	again int           // of this request
	poll  time.Time     // when the last poll was sent
	until time.Time     // when tick has something to do
}

// What is waited for.
const (
	awaitNothing byte = iota
	awaitConfirm
	awaitIndication
)

// tick does what is due: it asks again what was not answered, and goes on.
func (w *wirepas) tick(now time.Time) error {
	if now.Sub(w.alive) >= wirepasMute && !w.mute {
		w.mute = true
		raise(w.out, "WPS-MUTE", true)
	}
	w.packets.Expire(now.Sub(w.begun).Milliseconds())
	w.lost()
	w.weigh(now)
	a := &w.ask
	if now.Before(a.until) && (a.await != awaitNothing || a.todo == 0) {
		return nil
	}
	if a.await == awaitConfirm && a.step != 0 {
		if a.tries++; a.tries >= wirepasResend { // it may not know this request
			a.todo &^= a.step
			a.tries = 0
		}
	}
	a.await = awaitNothing
	return w.goOn(now)
}

// goOn sends the next request, or says when the next poll is.
func (w *wirepas) goOn(now time.Time) error {
	a := &w.ask
	a.step = a.todo & -a.todo
	var f dualmcu.Frame
	switch a.step {
	case askMTU:
		f = dualmcu.ReadAttribute(dualmcu.CSAPRead, 0, dualmcu.CSAPMTU, a.args[:])
	case askStatus:
		f = dualmcu.ReadAttribute(dualmcu.MSAPRead, 0, dualmcu.MSAPStackStatus, a.args[:])
	case askAddress:
		f = dualmcu.ReadAttribute(dualmcu.CSAPRead, 0, dualmcu.CSAPNodeAddress, a.args[:])
	case askCost:
		f.Primitive = dualmcu.CostRead
	case askSetCost:
		a.args[0] = costMost
		if w.cost.lower {
			a.args[0] = w.costBefore()
		}
		f = dualmcu.Frame{Primitive: dualmcu.CostWrite, Payload: a.args[:1]}
	default:
		every := wirepasFast
		if now.Sub(w.news) >= wirepasQuiet {
			every = wirepasSlow
		}
		if due := a.poll.Add(every); now.Before(due) {
			a.until = due
			return nil
		}
		f.Primitive, a.poll, w.row = dualmcu.Poll, now, 0
	}
	f.ID = a.next
	a.next++
	a.frame, a.again = f, 0
	a.await, a.until = awaitConfirm, now.Add(wirepasAnswer)
	return w.send(w.port, f)
}

// again sends the request once more that the sink understood wrongly. Where a confirm
// was spoiled on its way, it is not known whether the request was carried out, and
// nothing is sent again.
func (w *wirepas) again(now time.Time) error {
	a := &w.ask
	if a.await != awaitConfirm || a.again >= wirepasResend {
		return nil
	}
	a.again++
	a.until = now.Add(wirepasAnswer)
	return w.send(w.port, a.frame)
}

// confirmed takes the answer to the request. Answers to earlier ones may come behind:
// a sink that was busy gives all at once.
func (w *wirepas) confirmed(f dualmcu.Frame, now time.Time) Result {
	a := &w.ask
	if a.await != awaitConfirm || f.Primitive != a.frame.Primitive+dualmcu.Answer || f.ID != a.frame.ID {
		return Unknown
	}
	a.await, a.until = awaitNothing, now
	if a.step != 0 {
		a.todo &^= a.step
		a.tries = 0
	}
	p, result := f.Payload, OK
	switch {
	case a.step == askStatus || a.step == askAddress || a.step == askMTU:
		result = w.attribute(f)
	case len(p) == 0:
		result = Malformed
	case a.step == askCost:
		result = w.costIs(p)
	case a.step == askSetCost:
		w.costSet(p[0])
	case p[0] == 1:
		a.await, a.until = awaitIndication, now.Add(wirepasAnswer)
	}
	if a.step != 0 {
		w.tell()
	}
	return result
}

func (w *wirepas) attribute(f dualmcu.Frame) Result {
	_, why, v, ok := f.Attribute()
	switch {
	case !ok:
		return Malformed
	case why != 0: // it has none, or will not tell
	case w.ask.step == askStatus && len(v) == 1:
		w.status, w.stated = dualmcu.Status(v[0]), true
	case w.ask.step == askAddress && len(v) == 4:
		w.address, w.addressed = binary.LittleEndian.Uint32(v), true
	case w.ask.step == askMTU && len(v) == 1:
	default:
		return Malformed
	}
	return OK
}

// costIs takes what the sink's cost is. The highest one is what an earlier run of this
// gateway left that could not take it back.
func (w *wirepas) costIs(p []byte) Result {
	switch {
	case p[0] != 0:
		return OK // it is no sink, or has no costs that may be read
	case len(p) != 2:
		return Malformed
	}
	w.cost.known, w.cost.raised = true, p[1] == costMost
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cost.touched = w.cost.raised; !w.cost.raised {
		w.cost.before = p[1]
	}
	return OK
}

// costSet takes what became of a cost. One that is refused, as by a node that is no sink at
// the time, is tried again when its stack is started anew.
func (w *wirepas) costSet(result byte) {
	if result != 0 {
		w.cost.known = false
		return
	}
	w.cost.raised = w.ask.args[0] == costMost
	if !w.cost.raised {
		w.mu.Lock()
		w.cost.touched = false
		w.mu.Unlock()
	}
	if w.env.Log != nil {
		w.env.Log.Info("the sink's cost was set", "event", "sink.cost", "cost", w.ask.args[0])
	}
}

// respond answers an indication. One that comes without being polled for is answered
// too, else the sink would send no other.
func (w *wirepas) respond(f dualmcu.Frame, now time.Time) error {
	w.news = now
	w.row++
	more := f.Pending() > 0
	next := more && w.row < wirepasRow
	if w.ask.await == awaitIndication {
		w.ask.await, w.ask.until = awaitNothing, now
	}
	if next && w.ask.await == awaitNothing {
		w.ask.await, w.ask.until = awaitIndication, now.Add(wirepasAnswer)
	}
	return w.send(w.port, f.Response(next, w.small[:]))
}

// indicated takes an indication and says what it counts as.
func (w *wirepas) indicated(f dualmcu.Frame, now time.Time) Result {
	if w.repeated(f) {
		return OK
	}
	switch f.Primitive {
	case dualmcu.DataRX, dualmcu.DataRXFragment:
		d, ok := dualmcu.ParseData(f)
		if !ok {
			return Malformed
		}
		return w.received(d, now)
	case dualmcu.StackState:
		if len(f.Payload) != 2 {
			return Malformed
		}
		w.status, w.stated = dualmcu.Status(f.Payload[1]), true
		w.askAnew()
		w.tell()
		return OK
	}
	return Unknown
}

// askAnew asks a sink that may have restarted what it was asked at first.
func (w *wirepas) askAnew() {
	w.ask.todo |= wirepasAttributes
	if w.cost.wanted {
		w.cost.known = false
		w.ask.todo |= askCost
	}
}

// repeated says whether this is the indication before once more, which a sink sends to
// which our response did not come through: all of it is the same, but how many wait and
// the travel time, to which the sink has added its wait for us.
func (w *wirepas) repeated(f dualmcu.Frame) bool {
	w.scratch = append(append(w.scratch[:0], f.Primitive, f.ID), f.Payload[min(1, len(f.Payload)):]...)
	if at, ok := f.TravelAt(); ok {
		clear(w.scratch[1+at:][:4])
	}
	if len(w.scratch) > 2 && bytes.Equal(w.scratch, w.before) {
		return true
	}
	w.before, w.scratch = w.scratch, w.before
	return false
}
