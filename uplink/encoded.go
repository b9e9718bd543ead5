package uplink

// Encoded is what Options.Encode makes of the records of a frame. Each of them has items
// in the body, is left out, or is refused.
type Encoded struct {
	Body     []byte // empty: nothing is to be sent
	Records  []int  // of each item of the body in its order, the place of its record in the frame; rising
	LeftOut  int    // records that the body has no place for: they are counted and not sent
	TooLarge bool   // for the server, as is documented of it: the frame is halved as after 413

	refused map[int]string
}

// Refuse has a record set aside, by its place in the frame.
func (e *Encoded) Refuse(record int, why error) {
	if e.refused == nil {
		e.refused = map[int]string{}
	}
	e.refused[record] = why.Error()
}
