package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// progressAfter is how long it may take before a person is told that it goes on.
const progressAfter = 300 * time.Millisecond

const eraseLine = "\r\x1b[K"

// progress is a line on a terminal that says how far something long is, and is gone when
// that is over. Where no person looks on it is nil, which shows nothing.
type progress struct {
	out  io.Writer
	text func() string // "" = nothing now
	over chan struct{}

	mu    sync.Mutex
	shown bool
}

// showProgress shows text from progressAfter on, until end.
func showProgress(cmd *cobra.Command, text func() string) *progress {
	g, out := globalsOf(cmd), cmd.ErrOrStderr()
	if g.json || g.quiet || g.plain || !isTerminal(out) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	p := &progress{out: out, text: text, over: make(chan struct{})}
	width := consoleOptions(g, out, os.Getenv).Width
	go func() {
		tick := time.NewTicker(progressAfter)
		defer tick.Stop()
		for {
			select {
			case <-p.over:
				return
			case <-tick.C:
				p.draw(width)
			}
		}
	}()
	return p
}

func (p *progress) draw(width int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.over:
		return
	default:
	}
	text := []rune(p.text())
	if width > 0 && len(text) >= width { // a line that goes on below cannot be erased
		text = text[:width-1]
	}
	p.shown = len(text) > 0
	fmt.Fprint(p.out, eraseLine+string(text))
}

// above does something that prints, while the line is away. text does not run meanwhile.
func (p *progress) above(print func()) {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.shown {
			p.shown = false
			fmt.Fprint(p.out, eraseLine)
		}
	}
	print()
}

// end takes the line away for good.
func (p *progress) end() {
	if p != nil {
		p.above(func() { close(p.over) })
	}
}
