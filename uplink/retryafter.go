package uplink

import (
	"net/http"
	"strconv"
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
	if strings.Trim(value, "0123456789") == "" {
		n, _ := strconv.ParseUint(value, 10, 64) // the largest where there are too many digits
		return time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second, true
	}
	t, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(t.Sub(now), 0), maxRetryAfter), true
}
