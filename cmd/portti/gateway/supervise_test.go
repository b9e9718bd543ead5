package gateway

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portti/device"
	"portti/uplink"
)

func TestSettledOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSimSite(t, 1, dir, "fence")
		var n atomic.Int32
		g, err := New(s.cfg, Options{
			Built: buildDay, Clock: s.clock, Device: device.Tuning{Open: s.open}, FS: newSimDisk(s.cfg.Paths.BufferDir(), nil),
			Dial: uplink.Options{Dial: s.net.Dial}, Settled: func() { n.Add(1) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.work(ctx) }()
		time.Sleep(settleAfter - time.Second)
		if n.Load() != 0 {
			t.Error("settled while it starts")
		}
		time.Sleep(10 * time.Minute)
		if got := n.Load(); got != 1 {
			t.Errorf("settled %d times", got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
