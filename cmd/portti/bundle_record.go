package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"portti/cmd/portti/status"
	"portti/device"
	"portti/device/recording"
)

// Limits of listening.
const (
	listenFor = 10 * time.Second // with --include-readings
	recordFor = time.Hour        // with --record; the gateway's log is at debug no longer
	maxRaw    = 1 << 20          // of each device; portti record has none
)

// listen keeps the bytes of each device, with --record until Enter is pressed and with
// the log at debug.
func (b *bundle) listen(whole context.Context) error {
	ctx, stop := context.WithTimeout(whole, listenFor)
	defer stop()
	names := b.followed()
	if b.options.record {
		stop()
		ctx, stop = context.WithTimeout(whole, recordFor)
		defer stop()
		if err := b.tell(ctx, "/api/v1/debug?for="+recordFor.String()); err != nil {
			b.lacks("log at debug", err)
		} else {
			defer b.calm(whole)
		}
		fmt.Fprintf(b.progress, "Recording %s. Let it happen, then press Enter.\n", status.Count(uint64(len(names)), "device"))
		go func() {
			_, _ = bufio.NewReader(b.stdin).ReadString('\n') // an end is as good
			stop()
		}()
	} else {
		fmt.Fprintf(b.progress, "Listening to %s for %v\n", status.Count(uint64(len(names)), "device"), listenFor)
	}
	b.followAll(ctx, names)
	if b.options.record { // for the log, where every device has ended
		<-ctx.Done()
	}
	return whole.Err()
}

// calm gives the log its own level again, also where the verb was interrupted.
func (b *bundle) calm(ctx context.Context) {
	if err := b.tell(context.WithoutCancel(ctx), "/api/v1/debug?for=0s"); err != nil {
		b.lacks("the log's own level", fmt.Errorf("it comes back by itself within %v: %w", recordFor, err))
	}
}

// followed are the devices of the configuration that are switched on.
func (b *bundle) followed() (names []string) {
	for _, d := range b.cfg.ActiveDevices() {
		names = append(names, d.Name)
	}
	return names
}

// followAll puts what each device sends until ctx ends into the bundle.
func (b *bundle) followAll(ctx context.Context, names []string) {
	type result struct {
		text []byte
		err  error
	}
	results := make([]result, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { results[i].text, results[i].err = b.followOne(ctx, name) })
	}
	all.Wait()
	for i, name := range names {
		file := "raw/" + strings.ReplaceAll(status.Clean(name, 60), "/", "-") + ".wire"
		if results[i].err != nil {
			b.lacks(file, results[i].err)
		}
		if len(results[i].text) > 0 {
			b.add(file, results[i].text, false)
		}
	}
}

func (b *bundle) followOne(ctx context.Context, name string) ([]byte, error) {
	g := b.g
	g.socket = b.socket
	s, err := followRunning(ctx, g, name, device.View{Raw: true})
	if notRunning(err) {
		g.socket = ""
		s, err = followHere(ctx, g, name, device.View{Raw: true})
	}
	if err != nil {
		return nil, err
	}
	defer s.close()
	var out bytes.Buffer
	w, err := recording.NewWriter(&out, s.Header)
	if err != nil {
		return nil, err
	}
	for {
		r, err := s.next()
		if err != nil {
			return out.Bytes(), err
		}
		if err := w.Write(r); err != nil || r.What == recording.Stopped {
			return out.Bytes(), err
		}
		if out.Len() > maxRaw {
			return out.Bytes(), fmt.Errorf("there is more than %s; portti record %s takes all", sizeWords(maxRaw), name)
		}
	}
}
