package uplink

import (
	"encoding/json"
	"math"
)

// name is what the present server knows records by, up to number last.
type name struct {
	last  uint64
	epoch string
	open  string // an envelope up to the number of its first record
}

// nameOf is the name of record n. It is asked for each time: what was not sent yet can
// get another one at any moment.
func (s *session) nameOf(n uint64) name {
	if s.naming == nil {
		return name{last: math.MaxUint64}
	}
	gateway, epoch, last := s.naming.Name(n)
	if s.link.o.Topic == "" { // the addresses of a broker are nodes of one cluster, which has to know a record again
		epoch = s.link.route.numbering(epoch)
	}
	quoted, _ := json.Marshal(gateway)
	return name{last: last, epoch: epoch,
		open: `{"type":"batch","gw":` + string(quoted) + `,"epoch":"` + epoch + `","first":`}
}

// named is the numbers of all that is not released and called so by the present
// server, those to come included.
func (s *session) named(epoch string) (spans []split) {
	if s.naming == nil {
		return nil
	}
	first, next := s.src.Bounds()
	for n := first; ; {
		who := s.nameOf(n)
		if who.epoch == epoch {
			spans = append(spans, split{n, who.last})
		}
		if who.last >= next {
			return spans
		}
		n = who.last + 1
	}
}
