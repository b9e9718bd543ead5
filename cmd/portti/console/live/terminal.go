package live

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// terminal is the one that the user sits at.
type terminal struct {
	in, out *os.File
	found   *unix.Termios // its modes as they were found; nil = they are so
}

// Is says whether a file is a terminal.
func Is(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// enter takes the terminal: keys come one by one, and what was on it is kept aside.
func (t *terminal) enter() error {
	if t.found != nil {
		return nil
	}
	found, err := unix.IoctlGetTermios(int(t.in.Fd()), unix.TCGETS)
	if err != nil {
		return fmt.Errorf("cannot read the terminal's modes: %w", err)
	}
	raw := *found
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETSW, &raw); err != nil {
		return fmt.Errorf("cannot set the terminal's modes: %w", err)
	}
	t.found = found
	_, err = io.WriteString(t.out, "\x1b[?1049h\x1b[?25l")
	return err
}

// leave gives the terminal back. A terminal that has no second screen is left with the
// cursor below what was drawn.
func (t *terminal) leave() error {
	if t.found == nil {
		return nil
	}
	_, err := io.WriteString(t.out, "\x1b[m\x1b[999;1H\x1b[K\x1b[?25h\x1b[?1049l")
	err = errors.Join(err, unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETSW, t.found))
	t.found = nil
	return err
}

// size is how many columns and rows there are. A serial line does not say.
func (t *terminal) size() (w, h int) {
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return max(int(size.Col), 20), max(int(size.Row), 8)
}

// slow says that the line is one of 19200 baud or less.
func (t *terminal) slow() bool {
	modes, err := unix.IoctlGetTermios(int(t.out.Fd()), unix.TCGETS)
	if err != nil {
		return false
	}
	speed := modes.Cflag & unix.CBAUD
	return speed > unix.B0 && speed <= unix.B19200
}
