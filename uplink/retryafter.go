package uplink

import (
	"net/http"
	"strings"
	"time"
)

// retryAfter reads the value of a Retry-After header: whole seconds or an
// HTTP date, which is compared with now. The result lies in 0..maxRetryAfter;
// ok is false when the value is neither.
func retryAfter(value string, now time.Time) (d time.Duration, ok bool) {
	value = strings.Trim(value, headerSpace)
	if value == "" {
		return 0, false
	}
	if s, ok := wholeSeconds(value); ok {
		return min(s, maxRetryAfter), true
	}
	t, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(t.Sub(now), 0), maxRetryAfter), true
}

// wholeSeconds takes digits only and stops counting at the cap, so no number
// of digits overflows.
func wholeSeconds(value string) (time.Duration, bool) {
	var d time.Duration
	for i := range len(value) {
		c := value[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if d <= maxRetryAfter {
			d = d*10 + time.Duration(c-'0')*time.Second
		}
	}
	return d, true
}
