package device

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bench is a row of ports by their names, each of which one device can hold.
type bench struct {
	mu     sync.Mutex
	lines  map[string]*fakeLine // those that are open
	opened map[string]int
	stuck  map[string]chan struct{} // a closing waits for it
	twice  []string                 // opened while it was held
}

func newBench() *bench {
	return &bench{lines: map[string]*fakeLine{}, opened: map[string]int{}, stuck: map[string]chan struct{}{}}
}

func (b *bench) open(_ context.Context, c Config) (Opened, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines[c.Port] != nil {
		b.twice = append(b.twice, c.Port)
		return Opened{}, errors.New("in use")
	}
	l := newFakeLine()
	l.onClose = func() {
		if held := b.stuck[c.Port]; held != nil {
			<-held
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.lines, c.Port)
	}
	b.lines[c.Port] = l
	b.opened[c.Port]++
	return Opened{Line: l, Path: c.Port}, nil
}

// feed gives a port's device one reading.
func (b *bench) feed(port string) {
	b.mu.Lock()
	l := b.lines[port]
	b.mu.Unlock()
	if l != nil {
		l.feed <- `{"temp":21.5}` + "\n"
	}
	synctest.Wait()
}

// onBench runs test on a set of devices that runs.
func onBench(t *testing.T, cfgs []Config, test func(t *testing.T, b *bench, s *Set, log *logText)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, n := newBench(), map[string]uint16{}
		env, log := loggedEnv()
		s, err := New(cfgs, func(name string) (uint16, error) {
			if n[name] == 0 {
				if len(n) == 4 {
					return 0, errors.New("the ledger is full")
				}
				n[name] = uint16(len(n) + 1)
			}
			return n[name], nil
		}, newSink(), env, Tuning{Open: b.open})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		synctest.Wait()
		test(t, b, s, log)
		cancel()
		<-done
	})
}

// become puts another list of devices in force.
func become(t *testing.T, s *Set, cfgs ...Config) *Change {
	t.Helper()
	c, err := s.Prepare(cfgs)
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(t.Context())
	synctest.Wait()
	return c
}

func (c *Change) inWords() string { return fmt.Sprint(c.Added, c.Removed, c.Changed, c.Kept) }

func inWords(s *Set) string {
	var all []string
	for _, d := range s.Status() {
		all = append(all, fmt.Sprintf("%s@%s:%d", d.Name, d.Resolved, d.Read))
	}
	return strings.Join(all, " ")
}

// What is the same goes on with its port and its counters; what is gone has closed its
// port; what is changed or new begins, on ports that were given free in the same change.
func TestDevicesComeAndGo(t *testing.T) {
	a, b, c := linesConfig("a", "/p1"), linesConfig("b", "/p2"), linesConfig("c", "/p3")
	onBench(t, []Config{a, b}, func(t *testing.T, ports *bench, s *Set, _ *logText) {
		ports.feed("/p1")
		ports.feed("/p2")
		usual, on := a, true
		usual.Baud, usual.Enabled = 115200, &on // what it is made of anyway
		if got := become(t, s, c, usual, b).inWords(); got != "[c] [] [] [a b]" {
			t.Errorf("one added: %s", got)
		}
		ports.feed("/p1")
		ports.feed("/p3")
		if got := inWords(s); got != "c@/p3:1 a@/p1:2 b@/p2:1" {
			t.Errorf("one added: %s", got)
		}
		moved, swapped := a, b
		moved.Port, swapped.Port = "/p2", "/p1"
		if got := become(t, s, moved, swapped, c).inWords(); got != "[] [] [a b] [c]" {
			t.Errorf("two ports exchanged: %s", got)
		}
		ports.feed("/p2")
		if got := inWords(s); got != "a@/p2:1 b@/p1:0 c@/p3:1" {
			t.Errorf("two ports exchanged: %s", got)
		}
		if got := become(t, s, c).inWords(); got != "[] [a b] [] [c]" {
			t.Errorf("two removed: %s", got)
		}
		if len(ports.lines) != 1 || ports.opened["/p3"] != 1 || len(ports.twice) != 0 {
			t.Errorf("%d ports are open, the one of c was opened %d times, held ones were tried: %q", len(ports.lines), ports.opened["/p3"], ports.twice)
		}
		become(t, s)
		time.Sleep(time.Minute)
		if len(ports.lines) != 0 || len(s.Status()) != 0 || s.Idle() != 0 || s.Has("") {
			t.Errorf("nothing is left, and %d ports are open", len(ports.lines))
		}
	})
}

// A list with a mistake changes nothing, and neither does one that is not put in force.
func TestDevicesThatCannotBe(t *testing.T) {
	a := linesConfig("a", "/p1")
	onBench(t, []Config{a}, func(t *testing.T, ports *bench, s *Set, _ *logText) {
		odd, bare := linesConfig("b", "/p2"), linesConfig("c", "/p3")
		odd.Type, bare.ID = "nonsense", ""
		_, err := s.Prepare([]Config{odd, bare, linesConfig("a", "/p4"), linesConfig("a", "/p5")})
		if err == nil || strings.Count(err.Error(), "cannot use device") != 3 {
			t.Errorf("three mistakes: %v", err)
		}
		if _, err := s.Prepare([]Config{a, linesConfig("b", "/p2"), linesConfig("c", "/p3"), linesConfig("d", "/p4"), linesConfig("e", "/p5")}); err == nil || !strings.Contains(err.Error(), `"e"`) {
			t.Errorf("more than the ledger has room for: %v", err)
		}
		if _, err := s.Prepare(nil); err != nil {
			t.Error(err)
		}
		ports.feed("/p1")
		if got := inWords(s); got != "a@/p1:1" || ports.opened["/p1"] != 1 || len(ports.opened) != 1 {
			t.Errorf("%s, opened: %v", got, ports.opened)
		}
	})
}

// A port that the kernel holds is given up, and the device that has it next knows how
// often: after maxStuck the watchdog restarts the process, be there changes in between.
func TestDeviceWhosePortHangs(t *testing.T) {
	a := linesConfig("a", "/p1")
	onBench(t, []Config{a}, func(t *testing.T, ports *bench, s *Set, log *logText) {
		release := make(chan struct{})
		for i := range maxStuck {
			port := fmt.Sprintf("/p%d", i+1)
			ports.stuck[port] = release
			next := a
			next.Port = fmt.Sprintf("/p%d", i+2)
			begun := time.Now()
			become(t, s) // removed, and back: the count is the name's
			if took := time.Since(begun); took > changeLimit {
				t.Errorf("the change took %v", took)
			}
			become(t, s, next)
		}
		if st := s.Status()[0]; st.Stuck != maxStuck || log.count("port.given-up") != maxStuck {
			t.Errorf("%+v\n%s", st, log)
		}
		time.Sleep(time.Minute)
		if s.Idle() < 50*time.Second {
			t.Errorf("overdue for %v", s.Idle())
		}
		close(release)
		synctest.Wait()
		if st := s.Status()[0]; st.Stuck != 0 {
			t.Errorf("still %d", st.Stuck)
		}
	})
}

// A loop that does not end at all is waited for no longer than the others.
func TestDeviceWhoseDriverHangs(t *testing.T) {
	a, b := linesConfig("a", "/p1"), linesConfig("b", "/p2")
	onBench(t, nil, func(t *testing.T, _ *bench, s *Set, log *logText) {
		release := make(chan struct{})
		c, err := s.Prepare([]Config{a, b})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range c.begun {
			d.kind.New = func(Config, Env) (Driver, error) { return hanging{release}, nil }
		}
		c.Apply(t.Context())
		synctest.Wait()
		begun := time.Now()
		become(t, s)
		if took := time.Since(begun); took != changeLimit || log.count("port.given-up") != 2 {
			t.Errorf("the change took %v\n%s", took, log)
		}
		become(t, s, a)
		if st := s.Status()[0]; st.Stuck != 1 {
			t.Errorf("%+v", st)
		}
		close(release)
		synctest.Wait()
		if st := s.Status()[0]; st.Stuck != 0 {
			t.Errorf("still %d", st.Stuck)
		}
	})
}

type hanging struct{ release chan struct{} }

func (h hanging) Run(Port, Out) error { <-h.release; return ErrGone }
