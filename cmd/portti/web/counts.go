package web

import (
	"net/http"
	"sync/atomic"
)

// counts is what was asked of the page since the start.
type counts struct {
	answers  [3][4]atomic.Uint64 // see Answers
	rejected [4]atomic.Uint64    // by why
}

// Why a request is turned away.
const (
	rejectedHost    = iota // by a name that is not this machine's
	rejectedOrigin         // by another web page
	rejectedSession        // without a session, or by a link that is not good
	rejectedRate           // after too many failed sign-ins
)

// Answers is how many requests were answered: with GET, POST and other methods, each by the
// classes of the status from 2xx to 5xx.
func (p *Page) Answers() (n [3][4]uint64) {
	for m := range n {
		for c := range n[m] {
			n[m][c] = p.counts.answers[m][c].Load()
		}
	}
	return n
}

// Rejected is how many requests were turned away: for their host, their origin, want of a
// session, and the rate of failed sign-ins.
func (p *Page) Rejected() (n [4]uint64) {
	for i := range n {
		n[i] = p.counts.rejected[i].Load()
	}
	return n
}

// counted is an answer that is counted when it begins.
type counted struct {
	http.ResponseWriter
	counts *counts
	method string
	begun  bool
}

// Unwrap is for http.ResponseController.
func (w *counted) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader is part of http.ResponseWriter.
func (w *counted) WriteHeader(code int) {
	w.begin(code)
	w.ResponseWriter.WriteHeader(code)
}

// Write is part of http.ResponseWriter.
func (w *counted) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

func (w *counted) begin(code int) {
	if w.begun || code < 200 {
		return
	}
	w.begun = true
	m := 2
	switch w.method {
	case http.MethodGet:
		m = 0
	case http.MethodPost:
		m = 1
	}
	w.counts.answers[m][min(code/100-2, 3)].Add(1)
}
