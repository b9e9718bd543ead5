package systemd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"portti/systemd"
)

// In the daemon: it tells systemd what it does, and feeds the watchdog while
// every part moves. Outside systemd, as here, all of this does nothing.
func ExampleWatch() {
	devices := func() (idle time.Duration) { return 0 }
	log := slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	var sd systemd.Notifier
	interval, err := systemd.WatchdogInterval()
	if err != nil {
		log.Warn("the watchdog is off", "err", err)
	}
	var watch sync.WaitGroup
	watch.Go(func() {
		systemd.Watch(ctx, sd, interval, func() (stuck string) {
			if devices() > 20*time.Second {
				return "devices"
			}
			return ""
		}, log)
	})
	err = errors.Join(
		sd.Ready(),
		sd.Status("online, 3 devices, 12 waiting, nothing lost"),
		sd.Stopping(),
	)
	stop()
	watch.Wait()
	fmt.Println("notified:", err)
	// Output: notified: <nil>
}

// On the command line: what was done is shown also when it failed half-way.
func ExampleService_Install() {
	sample := []byte("config_version = 1\n")
	check := func(path string) error { return nil }

	s := systemd.NewService("/etc/portti/portti.toml", sample, check)
	did, err := s.Install()
	for _, sentence := range did {
		fmt.Println(sentence)
	}
	var later *systemd.NotConfiguredError
	switch {
	case errors.As(err, &later):
		fmt.Println("installed, and to be started once it is configured:", later)
	case err != nil:
		fmt.Println("not installed:", err)
	}
}
