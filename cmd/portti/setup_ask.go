package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

func (s *setup) askToken(there bool) (string, error) {
	more := ""
	if there {
		more = "; Enter alone keeps the one that is there"
	}
	terminal, _ := s.cmd.InOrStdin().(*os.File)
	text, err := readHidden(s.cmd.Context(), terminal, s.out, "Access token (it is not shown"+more+"): ")
	if err != nil || there && strings.TrimSpace(text) == "" {
		return "", err
	}
	return oneSecret(text, "access token")
}

// ask asks for one line. Enter alone means usual, shown as shown.
func (s *setup) ask(question, usual, shown string) (string, error) {
	if usual != "" {
		question += " [" + shown + "]"
	}
	fmt.Fprint(s.out, question+": ")
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() { // ends with the process when nobody presses Enter any more
		text, err := s.answers.ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case <-s.cmd.Context().Done():
		return "", s.cmd.Context().Err()
	case l := <-read:
		if l.err != nil && l.text == "" {
			return "", errors.New("nothing was entered; nothing was changed")
		}
		if text := strings.TrimSpace(l.text); text != "" {
			return text, nil
		}
		return usual, nil
	}
}

// yes asks whether to go on.
func (s *setup) yes(question string, usual bool) error {
	letters := map[bool]string{true: "Y/n", false: "y/N"}[usual]
	answer, err := s.ask(question+" "+letters, "", "")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	case "":
		if usual {
			return nil
		}
	}
	return exit(exitFailed, errors.New("nothing was changed"))
}
