package uplink

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
)

// maxLimitsFile is more than any number of servers one gateway knows needs.
const maxLimitsFile = 16 << 10

// A server that calls a frame too big does so after every restart of the
// gateway, and each time readings travel in vain. Its limit is therefore kept
// in a small file, 0 where it has none: a server that stands there was reached once,
// so that its address is right. It is a hint: whatever is wrong with the file, the link
// works without. One that is there and cannot be read is not written over: it may
// know of other servers.

// recallLimits takes up what servers taught earlier. It returns false where a file
// is there and cannot be read.
func (l *Link) recallLimits() bool {
	info, err := os.Stat(l.o.LimitsFile)
	if os.IsNotExist(err) || err == nil && (!info.Mode().IsRegular() || info.Size() > maxLimitsFile) {
		return true
	}
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(l.o.LimitsFile)
	}
	read := err == nil
	known := map[string]int{}
	if read {
		err = json.Unmarshal(raw, &known)
	}
	if err != nil {
		l.board.event(slog.LevelWarn, "uplink.limits-read-failed", "", "what servers said of the size of messages cannot be read; it will be learnt again", "err", err)
		return read
	}
	for _, r := range l.routes {
		limit, there := known[r.key]
		if r.reached = r.reached || there; limit >= minBatchBytes && limit < r.poison.maxBytes {
			r.poison.maxBytes = limit
		}
	}
	return true
}

// Reached says whether the first server of o was online once, by o.LimitsFile.
func Reached(o Options) bool {
	o.setDefaults()
	routes, err := newRoutes(&o)
	if err != nil || len(routes) == 0 {
		return false
	}
	l := &Link{o: o, routes: routes}
	l.board = statusBoard{log: o.Log, repeats: map[string]*repeat{}}
	l.recallLimits()
	return routes[0].reached
}

// keepLimits writes the file anew: a server has taught something, or was reached for the
// first time.
func (l *Link) keepLimits() {
	if l.o.LimitsFile == "" || !l.recallLimits() { // which is said
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
	if err := writeLimits(l.o.LimitsFile, known); err != nil {
		l.board.event(slog.LevelWarn, "uplink.limits-save-failed", "", "that the server was reached, and what it said of the size of messages, cannot be saved; it will be learnt again after a restart", "err", err)
	}
}

func writeLimits(path string, known map[string]int) error {
	text, _ := json.Marshal(known)
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close()
	return replaceFile(root, filepath.Base(path), text, nil)
}
