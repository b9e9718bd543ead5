package uplink

import "encoding/json"

// name is what the present server knows records by, from number first through last.
type name struct {
	first, last uint64
	epoch       string
	open        string // an envelope up to the number of its first record
}

// nameOf is the name of record n.
func (s *session) nameOf(n uint64) *name {
	if n < s.name.first || n > s.name.last {
		s.name = s.readName(n)
	}
	return &s.name
}

func (s *session) readName(n uint64) name {
	gateway, epoch, last := s.naming.Name(n)
	epoch = s.link.route.numbering(epoch)
	quoted, _ := json.Marshal(gateway)
	return name{first: n, last: last, epoch: epoch,
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
		who := s.readName(n)
		if who.epoch == epoch {
			spans = append(spans, split{n, who.last})
		}
		if who.last >= next {
			return spans
		}
		n = who.last + 1
	}
}
