package gateway

import (
	"sync"
	"time"
)

// The ways into the gateway for those on the same machine, without which it works all
// the same.
const (
	doorControl = "SYS-SOCKET"
	doorMetrics = "SYS-METRICS"
	doorPage    = "SYS-PAGE"
	doorRetry   = time.Minute
)

// doors knows why the ones are closed that should be open, by the code of the
// problem. The zero value knows nothing.
type doors struct {
	mu     sync.Mutex
	closed map[string]string
}

// set notes how a door is, and says whether that is another thing than before.
func (d *doors) set(door string, err error) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, was := d.closed[door]
	if err == nil {
		delete(d.closed, door)
		return was
	}
	if d.closed == nil {
		d.closed = map[string]string{}
	}
	d.closed[door] = err.Error()
	return !was
}

// why is why a door is closed; "" = it is open.
func (d *doors) why(door string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed[door]
}
