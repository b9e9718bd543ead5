package live

import "time"

// A series is the last minute in cells of three seconds, so that a picture of it changes
// no more often than that.
const (
	seriesCells = 20
	seriesCell  = 3 * time.Second
)

type series struct {
	cells [seriesCells]float64
	known [seriesCells]bool
	last  int64 // the number of the newest cell
}

// cell is the one of a moment, counted from when the view began.
func (s *series) cell(at time.Duration) int {
	n := int64(at / seriesCell)
	for ; s.last < n && n-s.last < seriesCells; s.last++ {
		i := (s.last + 1) % seriesCells
		s.cells[i], s.known[i] = 0, false
	}
	if s.last < n { // nothing for a minute
		*s = series{last: n}
	}
	return int(n % seriesCells)
}

// add counts what happened at a moment.
func (s *series) add(at time.Duration, n float64) {
	i := s.cell(at)
	s.cells[i], s.known[i] = s.cells[i]+n, true
}

// high notes a value, of which the highest of a cell is shown.
func (s *series) high(at time.Duration, v float64) {
	i := s.cell(at)
	s.cells[i], s.known[i] = max(s.cells[i], v), true
}

// picture draws the last n cells, the newest right, each as high as its share of the
// highest. The newest is not over yet and is left out where it is partial.
func (s *series) picture(at time.Duration, n int, ascii, partial bool) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	if ascii {
		levels = []rune("_.-=+*#@")
	}
	s.cell(at)
	newest := s.last
	if partial {
		newest--
	}
	n = min(n, seriesCells-1)
	top := 0.0
	for i := range n {
		if at := newest - int64(i); at >= 0 {
			top = max(top, s.cells[at%seriesCells])
		}
	}
	out := make([]rune, n)
	for i := range n {
		cell := newest - int64(n-1-i)
		out[i] = ' '
		if cell < 0 || !s.known[cell%seriesCells] || s.cells[cell%seriesCells] <= 0 {
			continue
		}
		level := int(s.cells[cell%seriesCells]/top*float64(len(levels))+0.5) - 1
		out[i] = levels[min(max(level, 0), len(levels)-1)]
	}
	return string(out)
}
