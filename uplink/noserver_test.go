package uplink

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A link without a server waits, wakes nobody, leaves the readings to the queue, and ends
// when it is told to.
func TestLinkWithoutAServerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newFakeSource(t)
		src.add(3)
		l := newLink(t, Options{Dial: func(context.Context, string, string) (net.Conn, error) {
			t.Error("a server was dialled that nobody named")
			return nil, errors.New("no")
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx, src) }()
		l.Wake()
		l.Reconnect()
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := l.Status(); s.State != Stopped || s.Problem != ProblemNoServer || s.Server != "" || l.Idle() != 0 {
			t.Errorf("%+v, overdue %s", s, l.Idle())
		}
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) || src.count(waiting) != 3 {
			t.Errorf("it ended with %v, %d readings wait", err, src.count(waiting))
		}
	})
}
