package live

import (
	"slices"
	"time"
)

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

// unknown is the value of a cell of which nothing is known.
const unknown = -1

// values are the last n cells, the newest last. The newest is not over yet and is left out
// where it is partial.
func (s *series) values(at time.Duration, n int, partial bool) []float64 {
	s.cell(at)
	newest := s.last
	if partial {
		newest--
	}
	all := make([]float64, min(n, seriesCells-1))
	for i := range all {
		cell := newest - int64(len(all)-1-i)
		all[i] = unknown
		if cell >= 0 && s.known[cell%seriesCells] {
			all[i] = s.cells[cell%seriesCells]
		}
	}
	return all
}

// bars draws values, each as high as its share of the highest.
func bars(values []float64, ascii bool) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	if ascii {
		levels = []rune("_.-=+*#@")
	}
	top := slices.Max(values)
	out := make([]rune, len(values))
	for i, v := range values {
		if out[i] = ' '; v > 0 {
			level := int(v/top*float64(len(levels))+0.5) - 1
			out[i] = levels[min(max(level, 0), len(levels)-1)]
		}
	}
	return string(out)
}
