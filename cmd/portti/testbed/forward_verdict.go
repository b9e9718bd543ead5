package testbed

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// verdict is what an answer of the API means for the array that was sent.
type verdict struct {
	reason   string        // refused for ever, and why; empty with no error: taken
	after    time.Duration // not before, as the API says; 0: it says nothing
	hopeless bool          // no use to ask again soon
}

// judge reads an answer. Any 2xx takes the array, 207 too: what an API means by
// a mixed answer only its owner knows.
//
// 400, 409, 413 and 422 speak of what was sent, so they refuse it for ever.
// Every other 4xx (a wrong token, a wrong path) and every redirect speaks of
// the setting: the messages are good, and wait until somebody mends it.
func judge(status int, header http.Header, now time.Time) (verdict, error) {
	err := fmt.Errorf("the API answers %d %s", status, http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return verdict{}, nil
	case status == 400, status == 409, status == 413, status == 422:
		return verdict{reason: fmt.Sprintf("HTTP %d", status)}, nil
	case status == 408, status == 425, status == 429, status >= 500:
		return verdict{after: retryAfter(header.Get("Retry-After"), now)}, err
	}
	return verdict{hopeless: true, after: 30 * time.Second}, err
}

// retryAfter reads whole seconds or an HTTP date; 0: neither.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(s)*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(0, t.Sub(now)), maxRetryAfter)
	}
	return 0
}
