package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/netcheck"
	"portti/cmd/portti/status"
)

// Verdict is what a check found, best first.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Skip Verdict = "skip" // it could not look
	Warn Verdict = "warn"
	Fail Verdict = "fail"
)

func (v Verdict) rank() int { return slices.Index([]Verdict{Fail, Warn, Skip, Pass}, v) }

// Check is one thing to look at.
type Check struct {
	ID      string // C01 to C50, never given to another check
	Family  string // of the catalogue: CFG, SYS, HW, DEV, GPS, CLK, BUF, NET, TLS, UP
	Title   string // a few words
	Network bool   // it asks the network, and has longer for it
	// Codes are the problems of the catalogue that are told here while the running gateway
	// has them, before Run is called: "HW-CONSOLE", or "BLE-" for all that begin so.
	Codes []string
	Run   func(ctx context.Context, h *Host, r *Report)
}

// Limits of a check.
const (
	limit        = 3 * time.Second
	networkLimit = 10 * time.Second
	grace        = 200 * time.Millisecond // for a check that was told to stop
)

// Result is what one check found about one thing.
type Result struct {
	ID      string  `json:"id"`
	Family  string  `json:"family"`
	Title   string  `json:"title"`
	Verdict Verdict `json:"verdict"`
	Subject string  `json:"subject"`  // a device's name, a path; may be empty
	Finding string  `json:"sentence"` // for people
	// Actions are what to do, in this order, and Commands has for each of them the
	// first command to type, or "".
	Actions  []string `json:"actions"`
	Commands []string `json:"commands"`
	TookMS   float64  `json:"took_ms"`
	// Code is the gateway's own problem that this is, "" = the check found it.
	Code string `json:"code,omitempty"`
	// WantsRoot says that it was skipped for want of rights.
	WantsRoot bool `json:"wants_root,omitempty"`

	Fix *Fix `json:"-"` // nil = a person has to do it
}

// Fix mends what a check found. It does no harm: nothing is lost by it, and it can be
// undone or done again.
type Fix struct {
	Does string // what it will do, as a sentence
	Undo string // the command that takes it back
	Do   func(ctx context.Context, h *Host) error
}

// Report takes what a check finds. What nobody reports has passed.
type Report struct {
	check   Check
	results []Result
}

// Pass notes what is in order, in a few words: "11 devices, each with a port of its own".
func (r *Report) Pass(format string, args ...any) { r.add(Pass, "", fmt.Sprintf(format, args...), nil) }

// Skip says why the check cannot look.
func (r *Report) Skip(format string, args ...any) { r.add(Skip, "", fmt.Sprintf(format, args...), nil) }

// WantRoot says what the check cannot see without root's rights.
func (r *Report) WantRoot(format string, args ...any) {
	r.add(Skip, "", fmt.Sprintf(format, args...), nil).WantsRoot = true
}

// Told says whether the running gateway has a problem with subject that is told here
// already.
func (r *Report) Told(subject string) bool { return r.told(subject) != nil }

func (r *Report) told(subject string) *Result {
	i := slices.IndexFunc(r.results, func(res Result) bool { return res.Code != "" && res.Subject == subject })
	if i < 0 {
		return nil
	}
	return &r.results[i]
}

// Explain adds what the check knows to what the gateway told of subject, and its actions
// before those of the catalogue; where nothing was told it is a failure by itself.
func (r *Report) Explain(subject, sentence string, actions ...string) *Result {
	known := r.told(subject)
	if known == nil {
		return r.Fail(subject, sentence, actions...)
	}
	said, commands := status.Read(actions)
	known.Finding = status.Clean(known.Finding+" "+sentence, 800)
	known.Actions, known.Commands = append(said, known.Actions...), append(commands, known.Commands...)
	return known
}

// known reports the problems that the running gateway has and this check tells.
func (r *Report) known(h *Host) {
	if h.Status == nil {
		return
	}
	for _, p := range h.Status.Problems {
		if !tells(r.check, p.Code) {
			continue
		}
		verdict := map[status.Severity]Verdict{status.Error: Fail, status.Warning: Warn, status.Info: Pass}[p.Severity]
		res := r.add(verdict, p.Subject, p.Sentence, nil)
		res.Code, res.Actions, res.Commands = p.Code, p.Actions, p.Commands
	}
}

func tells(c Check, code string) bool {
	return slices.ContainsFunc(c.Codes, func(own string) bool {
		return code == own || strings.HasSuffix(own, "-") && strings.HasPrefix(code, own)
	})
}

// Warn reports what is degraded or will be. In actions, commands stand in backquotes.
// The result may be given a Fix before the next report.
func (r *Report) Warn(subject, sentence string, actions ...string) *Result {
	return r.add(Warn, subject, sentence, actions)
}

// Fail reports what has to be mended, in the same way.
func (r *Report) Fail(subject, sentence string, actions ...string) *Result {
	return r.add(Fail, subject, sentence, actions)
}

func (r *Report) add(v Verdict, subject, sentence string, actions []string) *Result {
	said, commands := status.Read(actions)
	r.results = append(r.results, Result{ID: r.check.ID, Family: r.check.Family, Title: r.check.Title, Verdict: v,
		Subject: subject, Finding: status.Clean(sentence, 400), Actions: said, Commands: commands})
	return &r.results[len(r.results)-1]
}

// Host is the machine as it is looked at. A field that is nil or empty is not known
// here, and what needs it is skipped.
type Host struct {
	Root fs.FS  // the root folder: proc, sys, dev, etc
	Path string // where the root folder really is; "/" but in tests
	UID  int    // who looks; 0 = root

	ConfigPath string         // the file that -c names
	Config     *config.Config // nil where it has mistakes
	ConfigErr  error          // what is wrong with it
	Environ    []string       // of whoever looks

	Status    *status.Document // of the running gateway; nil = it does not answer
	StatusErr error            // why
	Version   string           // of this program
	Built     time.Time        // when it was made; zero = not known

	// Listen gives the bytes that a device of the running gateway sends until ctx ends.
	Listen func(ctx context.Context, name string) ([]byte, error)

	// Run runs a program of the machine, such as systemctl, and gives what it printed.
	// fs.ErrNotExist means that there is no such program.
	Run func(ctx context.Context, name string, args ...string) (string, error)
	Now func() time.Time

	Disk func(path string) (Disk, error) // of the file system that holds a path
	// Buffer reads the buffer through and gives what is wrong in it.
	Buffer func(ctx context.Context, dir string) (faults []string, err error)
	// Netcheck goes the way to the server: once, however often it is called.
	Netcheck func(ctx context.Context) ([]netcheck.Stage, error)
	// Proxies are those that a shell and the service would go through, without login; ""
	// = none.
	ShellProxy, ServiceProxy string
}

// Disk is how full a file system is.
type Disk struct {
	Free, Size, FreeInodes, Inodes uint64
}

// Read is the text of a file below the root folder, without blanks around it; "" where
// it cannot be read.
func (h *Host) Read(path string) string {
	b, err := fs.ReadFile(h.Root, strings.TrimPrefix(path, "/"))
	if err != nil {
		return ""
	}
	return strings.Trim(string(b), " \n\t\x00")
}

// Examine runs the checks at the same time and gives their results, worst first and
// then by number.
func Examine(ctx context.Context, h *Host, checks []Check) []Result {
	all := make([][]Result, len(checks))
	var running sync.WaitGroup
	for i, c := range checks {
		running.Go(func() { all[i] = examine(ctx, h, c) })
	}
	running.Wait()
	results := slices.Concat(all...)
	sort.SliceStable(results, func(i, j int) bool {
		if a, b := results[i].Verdict.rank(), results[j].Verdict.rank(); a != b {
			return a < b
		}
		return results[i].ID < results[j].ID
	})
	return results
}

// examine runs one check within its limit. What it reports after that is lost.
func examine(ctx context.Context, h *Host, c Check) []Result {
	began, most := time.Now(), limit
	if c.Network {
		most = networkLimit
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	done := make(chan []Result, 1)
	go func() {
		r := &Report{check: c}
		defer func() {
			if p := recover(); p != nil {
				r = &Report{check: c}
				r.Warn("", fmt.Sprintf("This check has a fault of its own and found nothing: %v.", p), "Tell the makers of portti, with the version: `portti version`")
			}
			done <- r.results
		}()
		r.known(h)
		c.Run(ctx, h, r)
		if len(r.results) == 0 {
			r.Pass("in order")
		}
	}()
	var results []Result
	select {
	case results = <-done:
	case <-time.After(most + grace):
		r := &Report{check: c}
		r.Warn("", fmt.Sprintf("This check did not end within %v.", most), "Try it again, alone: `portti doctor --only "+c.ID+"`")
		results = r.results
	}
	for i := range results {
		results[i].TookMS = float64(time.Since(began).Microseconds()) / 1000
	}
	return results
}
