package geofence

import (
	"math"
	"math/big"
)

// vincenty is the geodesic's length by T. Vincenty's inverse solution (Survey Review,
// 1975), which iterates and is good to half a millimetre; ok is false where it does not
// converge.
func vincenty(p, q Point) (metres float64, ok bool) {
	const b = equator * (1 - flattening)
	l := (q.Lon - p.Lon) * radian
	l = math.Remainder(l, 2*math.Pi)
	sinU, cosU := math.Sincos(reduced(p.Lat))
	sinV, cosV := math.Sincos(reduced(q.Lat))
	lambda := l
	for range 200 {
		sinL, cosL := math.Sincos(lambda)
		sinS := math.Hypot(cosV*sinL, cosU*sinV-sinU*cosV*cosL)
		if sinS == 0 {
			return 0, true
		}
		cosS := sinU*sinV + cosU*cosV*cosL
		sigma := math.Atan2(sinS, cosS)
		sinA := cosU * cosV * sinL / sinS
		cosA2 := 1 - sinA*sinA
		cos2M := 0.0
		if cosA2 > 0 {
			cos2M = cosS - 2*sinU*sinV/cosA2
		}
		c := flattening / 16 * cosA2 * (4 + flattening*(4-3*cosA2))
		before := lambda
		lambda = l + (1-c)*flattening*sinA*(sigma+c*sinS*(cos2M+c*cosS*(2*cos2M*cos2M-1)))
		if math.Abs(lambda-before) > 1e-13 {
			continue
		}
		u2 := cosA2 * (equator*equator - b*b) / (b * b)
		a := 1 + u2/16384*(4096+u2*(-768+u2*(320-175*u2)))
		bb := u2 / 1024 * (256 + u2*(-128+u2*(74-47*u2)))
		d := bb * sinS * (cos2M + bb/4*(cosS*(2*cos2M*cos2M-1)-bb/6*cos2M*(4*sinS*sinS-3)*(4*cos2M*cos2M-3)))
		return b * a * (sigma - d), true
	}
	return 0, false
}

// contains says in exact arithmetic whether p lies inside of the corners, by the
// angles' sum in quarter turns, which counts otherwise than Shape does. Neither p nor
// the corners may lie across the 180th meridian. It is also false where p is on an edge.
func contains(corners []Point, p Point) (inside, edge bool) {
	rat := func(f float64) *big.Rat { return new(big.Rat).SetFloat64(f) }
	px, py := rat(p.Lon), rat(p.Lat)
	quarter := func(c Point) (x, y *big.Rat, q int) {
		x, y = new(big.Rat).Sub(rat(c.Lon), px), new(big.Rat).Sub(rat(c.Lat), py)
		switch {
		case x.Sign() > 0 && y.Sign() >= 0:
			return x, y, 0
		case x.Sign() <= 0 && y.Sign() > 0:
			return x, y, 1
		case x.Sign() < 0 && y.Sign() <= 0:
			return x, y, 2
		}
		return x, y, 3
	}
	sum := 0
	for i := range corners {
		ax, ay, q := quarter(corners[i])
		bx, by, r := quarter(corners[(i+1)%len(corners)])
		if ax.Sign() == 0 && ay.Sign() == 0 {
			return false, true
		}
		cross := new(big.Rat).Sub(new(big.Rat).Mul(ax, by), new(big.Rat).Mul(ay, bx)).Sign()
		dot := new(big.Rat).Add(new(big.Rat).Mul(ax, bx), new(big.Rat).Mul(ay, by)).Sign()
		if cross == 0 && dot <= 0 {
			return false, true
		}
		switch step := (r - q + 4) % 4; step {
		case 1:
			sum++
		case 3:
			sum--
		case 2:
			sum += 2 * cross
		}
	}
	return sum != 0, false
}

// walk is the distance to the border by walking along it.
func walk(s *Shape, p Point) float64 {
	best := math.Inf(1)
	for i, a := range s.corners {
		b := s.corners[(i+1)%len(s.corners)]
		lo, hi := 0.0, 1.0
		for range 6 { // finer around the nearest of 200
			at, step := lo, (hi-lo)/200
			near := math.Inf(1)
			for k := range 201 {
				t := lo + float64(k)*step
				if d, ok := vincenty(p, Point{a.Lat + t*(b.Lat-a.Lat), a.Lon + t*(b.Lon-a.Lon)}); ok && d < near {
					near, at = d, t
				}
			}
			best = min(best, near)
			lo, hi = max(0, at-step), min(1, at+step)
		}
	}
	return best
}
