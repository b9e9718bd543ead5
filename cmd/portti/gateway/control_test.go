package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// limited is an answer whose connection has a deadline.
type limited struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (l *limited) SetWriteDeadline(t time.Time) error {
	l.until = t
	return nil
}

// A reload may outlast the server's limit for an answer, which begins with the question:
// the answer gets all of it.
func TestReloadAnswersHoweverLongItTook(t *testing.T) {
	g := &Gateway{reloads: make(chan reloadRequest)}
	began := time.Now()
	go func() { (<-g.reloads).answer <- Reloaded{} }()
	members, _ := g.routes()
	w := &limited{ResponseRecorder: httptest.NewRecorder()}
	members.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/reload", nil))
	if w.Code != http.StatusOK || w.until.Before(began.Add(controlWriteTimeout)) {
		t.Errorf("answered %d with a deadline of %v", w.Code, w.until)
	}
}
