package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"sort"
	"time"

	"portti/buffer"
	"portti/cmd/portti/carry"
	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
	"portti/device/clock"
)

// Queue is the buffer in detail at this moment.
func (g *Gateway) Queue() status.Queue {
	s := g.Status()
	_, byName := g.queue.Ledger()
	out := status.Queue{Schema: status.Schema, Running: true, Gateway: g.id, Buffer: s.Buffer, Totals: s.Totals.Ledger,
		Damaged: g.queue.Stats().Damaged}
	fillQueue(&out, byName, g.queue.Segments(), g.queue.Imports())
	return out
}

// QueueOf is the buffer in detail as the files tell it.
func QueueOf(l *buffer.Inspection, cfg *config.Config, now clock.Now, boot [16]byte) status.Queue {
	s := status.Queue{Schema: status.Schema, Totals: ledgerOf(l.Total), Damaged: l.Damaged}
	s.Gateway, _ = IdentityOf(cfg)
	s.Buffer = status.Buffer{State: status.BufferOK, Waiting: l.Waiting, WaitingDisk: l.Waiting, Bytes: l.Bytes,
		CapacityBytes: cfg.Buffer.Limit(), CommitEveryS: status.Seconds(time.Duration(cfg.Buffer.CommitEvery)),
		OldestAgeS: status.Seconds(oldest(l, now, boot))}
	room := roomOf(cfg.Buffer.Limit(), l.Bytes, freeOf(cfg.Paths.State), int64(cfg.Buffer.MinFreeDisk), false)
	s.Buffer.RoomBytes = &room
	for _, f := range l.Faults {
		s.Faults = append(s.Faults, f.String())
		if !f.Harmless {
			s.Buffer.State = status.BufferDegraded
		}
	}
	fillQueue(&s, l.Devices, l.Segments, l.Imports)
	return s
}

// oldest is how old the oldest record is, where its boot tells, else 0.
func oldest(l *buffer.Inspection, now clock.Now, boot [16]byte) time.Duration {
	found := errors.New("found")
	age := int64(0)
	_ = l.Each(func(r buffer.Record) error {
		for _, b := range l.Boots {
			switch at := cmp.Or(b.Offset.Unix, b.Seen); {
			case b.Index != r.Boot:
			case b.ID == boot:
				age = now.Mono - r.Mono
			case at != 0 && now.Trusted:
				age = now.Unix - at - r.Mono
			}
		}
		return found
	}, func(uint64, uint64, string) error { return nil })
	return time.Duration(max(age, 0)) * time.Millisecond
}

func fillQueue(s *status.Queue, devices map[string]buffer.Counts, segments []buffer.SegmentInfo, imports []buffer.Imported) {
	s.Devices, s.Segment, s.Imports = []status.QueueDevice{}, []status.QueueSegment{}, []status.QueueImport{}
	for name, c := range devices {
		s.Devices = append(s.Devices, status.QueueDevice{Name: name, Ledger: ledgerOf(c)})
	}
	sort.Slice(s.Devices, func(i, j int) bool { return s.Devices[i].Name < s.Devices[j].Name })
	for _, g := range segments {
		s.Segment = append(s.Segment, status.QueueSegment{File: g.File, First: g.First, Last: g.Last, Records: g.Records, Waiting: g.Waiting, Bytes: g.Bytes})
	}
	for _, i := range imports {
		s.Imports = append(s.Imports, status.QueueImport{Gateway: i.Gateway, Epoch: fmt.Sprintf("%016x", i.Epoch), Ranges: i.Ranges})
	}
	if s.Damaged == nil {
		s.Damaged = []string{}
	}
	if s.Faults == nil {
		s.Faults = []string{}
	}
}

// exportQueue copies the readings out.
func (g *Gateway) exportQueue(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	_ = g.export(patient{w, http.NewResponseController(w)}) // the log has it
}

// export writes all that waits or is held, with a last line by which it is known to be whole.
// An error leaves it without that, and the reader sees that.
func (g *Gateway) export(w io.Writer) error {
	h := carry.HeaderOf(g.id, g.queue.Head())
	h.Exported = time.Now().UTC().Truncate(time.Second)
	sum, err := carry.Write(w, h, g.queue.Each)
	g.log.Info("readings were copied out of the buffer", "event", "queue.exported", "count", sum.Records, "missing", sum.Missing, "err", err)
	return err
}

// patient gives each piece of a long answer its own time.
type patient struct {
	w io.Writer
	c *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(controlWriteTimeout)) // the server's own limit holds where this fails
	return p.w.Write(b)
}

// OpenBuffer takes a state folder whose daemon does not run and opens its buffer
// for writing, as that of the gateway of the configuration; one that was never
// started has no id yet. Nothing is given up by age while it is open. close gives
// both back; its error says what could not be saved.
func OpenBuffer(cfg *config.Config, built time.Time, log *slog.Logger) (q *buffer.Queue, close func() error, err error) {
	unlock, err := lockState(cfg.Paths.State)
	if err != nil {
		return nil, nil, err
	}
	id, err := IdentityOf(cfg)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		unlock()
		return nil, nil, err
	}
	findGone(cfg.Paths, id, log) // the next start of the gateway tells it
	ticks, err := clock.New(built)
	if err == nil {
		q, err = buffer.Open(buffer.Options{
			Gateway: id,
			Dir:     cfg.Paths.BufferDir(), MaxSize: cfg.Buffer.Limit(), CommitEvery: max(time.Second, time.Duration(cfg.Buffer.CommitEvery)),
			WhenFull: buffer.WhenFull(cfg.Buffer.WhenFull), MinFree: int64(cfg.Buffer.MinFreeDisk), Mono: func() int64 { return ticks.Now().Mono }, BootID: ticks.BootID(), Log: log,
		})
	}
	if err != nil {
		unlock()
		return nil, nil, fmt.Errorf("cannot open the buffer: %w", err)
	}
	return q, func() error {
		defer unlock()
		return q.Close()
	}, nil
}
