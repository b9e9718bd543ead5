package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Raspberry Pi as it comes has a login on its serial port: the kernel writes its
// messages there (console= on the command line that the firmware gives it) and systemd
// runs a getty on it. A receiver on that port would type at the login, and the gateway
// leaves a console alone (HW-CONSOLE).

// consoleNote keeps what was taken from the command line, for RestoreConsole.
const consoleNote = "/etc/portti/console"

// FreeConsole takes the login console off those of the ports that have one, and says what
// it did: the getty at once, the kernel's messages from the next boot on. It does so on
// a Raspberry Pi alone: elsewhere a serial console may be the only way in. Doing it again
// changes nothing.
func (s *Service) FreeConsole(ports ...string) (did []string, err error) {
	h := s.host
	model, _ := os.ReadFile(h.path("/proc/device-tree/model"))
	if !bytes.HasPrefix(model, []byte("Raspberry Pi")) {
		return nil, nil
	}
	file, line := h.commandLine()
	for _, port := range ports {
		tty := h.tty(port)
		words := slices.DeleteFunc(strings.Fields(line), func(word string) bool { return h.consoleTTY(word) != tty })
		if tty == "" || len(words) == 0 {
			continue
		}
		if h.euid != 0 {
			return did, fmt.Errorf("%w: try  sudo portti service start", ErrNotRoot)
		}
		// the note first: after a power cut between the two it names what is still there,
		// which is no harm
		if err := h.noteConsole(words); err != nil {
			return did, err
		}
		line = strings.Join(slices.DeleteFunc(strings.Fields(line), func(word string) bool { return slices.Contains(words, word) }), " ")
		if err := h.writeFile(file, []byte(line+"\n"), modeProgram); err != nil {
			return did, err
		}
		_, err := h.run("systemctl", "stop", "serial-getty@"+tty+".service")
		said := fmt.Sprintf("took the login console off %s: removed %s from %s", port, strings.Join(words, " "), file)
		if err != nil {
			said += " (its getty could not be stopped: " + err.Error() + ")"
		}
		did = append(did, said+". The kernel lets go of the port at the next boot: sudo reboot. To undo: sudo portti service console --restore")
	}
	return did, nil
}

// RestoreConsole gives back what FreeConsole took.
func (s *Service) RestoreConsole() (did []string, err error) {
	h := s.host
	note, err := os.ReadFile(h.path(consoleNote))
	if errors.Is(err, fs.ErrNotExist) {
		return []string{"no console was taken off a port; nothing changed"}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read what was taken off: %w", err)
	}
	if h.euid != 0 {
		return nil, fmt.Errorf("%w: try  sudo portti service console --restore", ErrNotRoot)
	}
	file, line := h.commandLine()
	if file == "" {
		return nil, errors.New("cannot find the kernel's command line: there is neither /boot/firmware/cmdline.txt nor /boot/cmdline.txt")
	}
	words := strings.Fields(line)
	missing := slices.DeleteFunc(strings.Fields(string(note)), func(word string) bool { return slices.Contains(words, word) })
	if len(missing) > 0 {
		if err := h.writeFile(file, []byte(strings.Join(append(missing, words...), " ")+"\n"), modeProgram); err != nil {
			return nil, err
		}
		did = append(did, fmt.Sprintf("put %s back into %s; the console is there from the next boot on: sudo reboot", strings.Join(missing, " "), file))
	}
	if len(missing) == 0 {
		did = append(did, "the console is in "+file+" already; nothing changed there")
	}
	if err := os.Remove(h.path(consoleNote)); err != nil {
		return did, fmt.Errorf("cannot forget what was taken off: %w", err)
	}
	return did, nil
}

// noteConsole adds words to the note.
func (h *host) noteConsole(words []string) error {
	old, err := os.ReadFile(h.path(consoleNote))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot note the console: %w", err)
	}
	all := strings.Fields(string(old))
	for _, word := range words {
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return h.writeFile(consoleNote, []byte(strings.Join(all, " ")+"\n"), modeConfigFile)
}

// commandLine is the file that the Pi's firmware takes the kernel's command line from,
// and the line; "" = there is none.
func (h *host) commandLine() (file, line string) {
	for _, file := range []string{"/boot/firmware/cmdline.txt", "/boot/cmdline.txt"} {
		text, err := os.ReadFile(h.path(file))
		if fields := strings.Fields(string(text)); err == nil && slices.ContainsFunc(fields, func(w string) bool { return strings.HasPrefix(w, "root=") }) {
			return file, strings.Join(fields, " ") // in the other place may be a note that it moved
		}
	}
	return "", ""
}

// consoleTTY is the terminal of console=serial0,115200; "" = the word is no console.
func (h *host) consoleTTY(word string) string {
	name, ok := strings.CutPrefix(word, "console=")
	if !ok {
		return ""
	}
	name, _, _ = strings.Cut(name, ",")
	return h.tty("/dev/" + name)
}

// tty is the terminal that a port's name leads to, such as ttyAMA0 for /dev/serial0.
func (h *host) tty(port string) string {
	real, err := filepath.EvalSymlinks(h.path(port))
	if err != nil || !strings.HasPrefix(port, "/dev/") {
		return ""
	}
	return filepath.Base(real)
}
