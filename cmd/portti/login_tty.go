package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// readHidden asks for one line that the terminal does not show. It asks when nothing is
// shown any more: what is typed at a question is never seen, and never thrown away with
// what was typed before. However it ends, the terminal shows what is typed again.
func readHidden(ctx context.Context, terminal *os.File, out io.Writer, question string) (string, error) {
	fd := int(terminal.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("cannot hide what is typed: %w", err)
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &quiet); err != nil {
		return "", fmt.Errorf("cannot hide what is typed: %w", err)
	}
	defer func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before)
		fmt.Fprintln(out)
	}()
	fmt.Fprint(out, question)
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // ends with the process when nobody presses Enter any more
		text, err := bufio.NewReader(io.LimitReader(terminal, maxSecret+1)).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", exit(exitInterrupted, nil)
	case l := <-read:
		if l.err != nil && (!errors.Is(l.err, io.EOF) || l.text == "") {
			return "", errors.New("nothing was entered; nothing was changed")
		}
		return l.text, nil
	}
}

// oneSecret trims what was read and refuses what cannot be one secret.
func oneSecret(text, what string) (string, error) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	switch {
	case text == "":
		return "", fmt.Errorf("no %s was given; nothing was changed", what)
	case len(text) > maxSecret:
		return "", fmt.Errorf("what was given as the %s is longer than 64 KB: is it the right file?", what)
	case strings.ContainsAny(text, "\r\n"):
		return "", fmt.Errorf("the %s has more than one line; nothing was changed", what)
	}
	return text, nil
}
