package testbed

import "time"

// stage is where simulated devices live. Its time passes pace times as fast as
// the machine's, so that a story can be told in less.
type stage struct {
	begin time.Time
	pace  float64
}

func newStage(pace float64) stage { return stage{time.Now(), pace} }

// now is the time on the stage. At pace 1 it is the machine's clock, also when
// that is set.
func (s stage) now() time.Time {
	if s.pace == 1 {
		return time.Now()
	}
	return s.begin.Add(time.Duration(float64(time.Since(s.begin)) * s.pace))
}

// lasts is how long d on the stage takes.
func (s stage) lasts(d time.Duration) time.Duration { return time.Duration(float64(d) / s.pace) }
