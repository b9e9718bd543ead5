package uplink

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// maxLimitsFile is more than any number of servers one gateway knows needs.
const maxLimitsFile = 16 << 10

// limitsWait is how long the end of Run waits for the file.
const limitsWait = time.Second

// A server that calls a frame too big does so after every restart of the
// gateway, and each time readings travel in vain. Its limit is therefore kept
// in a small file, 0 where it has none: a server that stands there was reached once,
// so that its address is right. It is a hint: whatever is wrong with the file, the link
// works without. One that is there and cannot be read is not written over: it may
// know of other servers.

// recallLimits takes up what servers taught earlier.
func (l *Link) recallLimits() {
	known := map[string]int{}
	raw, err := readLimits(l.o.LimitsFile)
	if err == nil {
		err = json.Unmarshal(raw, &known)
	}
	if err != nil {
		l.board.event(slog.LevelWarn, "uplink.limits-read-failed", "", "what servers said of the size of messages cannot be read; it will be learnt again", "err", err)
		return
	}
	for _, r := range l.routes {
		limit, there := known[r.key]
		if r.reached = there; limit >= minBatchBytes && limit < r.poison.maxBytes {
			r.poison.maxBytes = limit
		}
	}
}

// readLimits reads the file. In one that is not there, or is none of ours, nothing stands.
func readLimits(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if os.IsNotExist(err) || err == nil && (!info.Mode().IsRegular() || info.Size() > maxLimitsFile) {
		return []byte("{}"), nil
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Reached says whether the first server of o was online once, by o.LimitsFile.
func Reached(o Options) bool {
	o.setDefaults()
	routes, err := newRoutes(&o)
	if err != nil || len(routes) == 0 {
		return false
	}
	known := map[string]int{}
	if raw, err := readLimits(o.LimitsFile); err == nil {
		_ = json.Unmarshal(raw, &known) // what cannot be made out is not known
	}
	_, there := known[routes[0].key]
	return there
}

// keepLimits has the file written anew: a server has taught something, or was reached for
// the first time, each of which happens a few times at most. A goroutine of its own writes
// it, after the one before: the disk may hang, and the link goes on.
func (l *Link) keepLimits() {
	if l.o.LimitsFile == "" {
		return
	}
	known := map[string]int{}
	for _, r := range l.routes {
		if r.reached {
			known[r.key] = 0
		}
		if r.poison.maxBytes < l.o.MaxBatchBytes {
			known[r.key] = r.poison.maxBytes
		}
	}
	before, saved := l.saved, make(chan struct{})
	l.saved = saved
	go func() {
		defer close(saved)
		if before != nil {
			<-before
		}
		if err := l.save(l.o.LimitsFile, known); err != nil {
			l.board.event(slog.LevelWarn, "uplink.limits-save-failed", "", "that the server was reached, and what it said of the size of messages, cannot be saved; it will be learnt again after a restart", "err", err)
		}
	}()
}

// awaitLimits waits until the file is written, unless the disk hangs.
func (l *Link) awaitLimits() {
	if l.saved == nil {
		return
	}
	select {
	case <-l.saved:
	case <-time.After(limitsWait):
	}
}

// saveLimits writes the file anew, with what it knew before and known does not.
func saveLimits(path string, known map[string]int) error {
	raw, err := readLimits(path)
	if err != nil {
		return err
	}
	was := map[string]int{}
	_ = json.Unmarshal(raw, &was) // of a damaged one what can be made out
	for key, limit := range was {
		if now, there := known[key]; !there || now == 0 {
			known[key] = limit
		}
	}
	text, _ := json.Marshal(known)
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	return replaceFile(root, filepath.Base(path), text, nil)
}
