package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"portti/buffer"
	"portti/cmd/portti/carry"
	"portti/device"
	"portti/device/thingsee"
)

var (
	errUndated = errors.New("its time is not known")
	errNoJSON  = errors.New("it is no JSON and would make its neighbours unreadable for the server")
)

// final is the message as it is sent.
func (i *importer) final(h *carry.Header, r *buffer.Record) ([]byte, error) {
	rec := r.Rec
	if r.Class&device.ClassProvisional != 0 {
		offset, err := i.offset(h, r.Boot)
		if err != nil {
			return nil, err
		}
		if i.arena, err = thingsee.FillTime(i.arena[:0], rec, offset.Unix, offset.Err); err != nil {
			return nil, err
		}
		rec = i.arena
	}
	if len(rec) == 0 || rec[0] != '{' || !json.Valid(rec) {
		return nil, errNoJSON
	}
	return rec, nil
}

// offset is where a boot of another gateway stands in wall time: as that
// gateway fixed it, else with --guess as late as the file allows.
func (i *importer) offset(h *carry.Header, index uint32) (buffer.Offset, error) {
	boot := carry.Boot{Boot: index}
	for _, b := range h.Boots {
		if b.Boot == index {
			boot = b
		}
	}
	key := bootKey(h, boot)
	if b, ok := i.boots[key]; ok {
		return buffer.Offset{Unix: *b.Offset, Err: b.Error}, nil
	}
	if !i.guess {
		return buffer.Offset{}, errUndated
	}
	boot.Offset, boot.Error = guessed(h, boot, i.now.Unix)
	i.boots[key] = boot // the same for all readings of that boot
	return buffer.Offset{Unix: *boot.Offset, Err: boot.Error}, nil
}

// guessed dates a boot: it began no later than now less what is known to have
// passed since, and no earlier than the last time its gateway trusted.
func guessed(h *carry.Header, boot carry.Boot, now int64) (*int64, int64) {
	if boot.Seen != 0 {
		return &boot.Seen, 1
	}
	passed := boot.Mono
	if boot.Boot == h.Boot {
		passed = max(passed, h.Mono)
	}
	latest, earliest := now-passed, h.LastGood
	if earliest == 0 {
		earliest = builtAt().UnixMilli()
	}
	worst := max(latest-earliest, 0) + 1000
	return &latest, (worst + 999) / 1000
}

// bootKey names a boot of a gateway's machine the same way in every file.
func bootKey(h *carry.Header, b carry.Boot) string {
	if n := len(b.ID); n == 32 && b.ID != fmt.Sprintf("%032d", 0) {
		return h.Gateway + "/" + b.ID
	}
	return fmt.Sprintf("%s/%s/%d", h.Gateway, h.Epoch, b.Boot)
}
