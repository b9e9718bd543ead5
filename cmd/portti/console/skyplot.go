package console

import "math"

// Cells of a skyPlot that are drawn as the terminal can.
const (
	skyRing  = '·'
	skyUsed  = '●'
	skyOther = '○'
)

// skyPlot is the sky on a grid of characters, which are twice as high as wide.
type skyPlot [2*skyRows + 1][skyWidth]rune

func newSkyPlot() *skyPlot {
	p := new(skyPlot)
	for y := range p {
		for x := range p[y] {
			p[y][x] = ' '
		}
	}
	for _, elevation := range []int{0, 30, 60} {
		for azimuth := 0; azimuth < 360; azimuth += 6 {
			x, y := p.at(elevation, azimuth)
			p[y][x] = skyRing
		}
	}
	p[skyRows][skyColumns] = '+'
	p[0][skyColumns], p[skyRows][skyWidth-1], p[2*skyRows][skyColumns], p[skyRows][0] = 'N', 'E', 'S', 'W'
	return p
}

// at is the cell of a direction.
func (p *skyPlot) at(elevation, azimuth int) (x, y int) {
	away := float64(90-min(max(elevation, 0), 90)) / 90
	sin, cos := math.Sincos(float64(azimuth) * math.Pi / 180)
	return skyColumns + int(math.Round(away*sin*skyColumns)), skyRows - int(math.Round(away*cos*skyRows))
}

// put draws a satellite, and its name beside it where nothing else stands.
func (p *skyPlot) put(elevation, azimuth int, used bool, name string) {
	x, y := p.at(elevation, azimuth)
	if !p.free(x, y) {
		return // the table has it
	}
	p[y][x] = skyOther
	if used {
		p[y][x] = skyUsed
	}
	for _, from := range []int{x + 1, x - len(name)} {
		fits := true
		for i := range len(name) {
			fits = fits && p.free(from+i, y)
		}
		// One more on either side, or two names would read as one.
		if fits && !p.named(from-1, y) && !p.named(from+len(name), y) {
			for i, c := range name {
				p[y][from+i] = c
			}
			return
		}
	}
}

// free says that nothing stands in a cell that must stay.
func (p *skyPlot) free(x, y int) bool {
	return x >= 0 && x < skyWidth && (p[y][x] == ' ' || p[y][x] == skyRing || p[y][x] == '+')
}

// named says that a name stands there.
func (p *skyPlot) named(x, y int) bool {
	return x >= 0 && x < skyWidth && (p[y][x] >= '0' && p[y][x] <= '9' || p[y][x] >= 'A' && p[y][x] <= 'Z')
}
