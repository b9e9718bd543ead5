package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"portti/cmd/portti/config"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/machine"
	"portti/cmd/portti/status"
)

// What portti identity show says of the board.
const (
	boardSame    = "same"
	boardOther   = "other"
	boardUnknown = "unknown"   // nothing that was noted is known here
	boardUnnoted = "not-noted" // under this id
	boardUnread  = "unreadable"
)

// identityView is the JSON of portti identity show. Fields are only ever added.
type identityView struct {
	Schema  int            `json:"schema"`
	ID      string         `json:"id"`
	From    string         `json:"from"`            // "config" or "file"
	Place   string         `json:"place"`           // file:line, or the file
	Since   *time.Time     `json:"since,omitempty"` // by the clock of then
	Running bool           `json:"running"`
	Start   string         `json:"start,omitempty"`      // epoch of this start
	Acts    string         `json:"running_id,omitempty"` // the id that the running gateway has
	Board   string         `json:"board"`                // same | other | unknown | not-noted | unreadable
	Decides string         `json:"decides,omitempty"`    // source of the mark that does
	Noted   *time.Time     `json:"noted,omitempty"`
	Why     string         `json:"why,omitempty"` // the board is unreadable
	Marks   []machine.Mark `json:"marks"`
	Cards   []machine.Card `json:"network"`
}

func lookAtIdentity(cmd *cobra.Command, cfg *config.Config, root fs.FS) (*identityView, error) {
	if err := becomeOwner(cfg.Paths.State); err != nil {
		return nil, err
	}
	id, err := gateway.IdentityOf(cfg)
	note, unread := machine.Load(gateway.MachineFile(cfg.Paths))
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(unread, fs.ErrPermission):
		return nil, exit(exitUnknown, fmt.Errorf("no permission for %s. Use sudo", cfg.Paths.State))
	case err != nil:
		return nil, err
	}
	v := &identityView{Schema: status.Schema, ID: id, From: "config", Place: cfg.Origin("gateway.id").String()}
	if cfg.Gateway.ID == "auto" {
		v.From, v.Place = "file", filepath.Join(cfg.Paths.State, "gateway-id")
	}
	if since := gateway.IdentitySince(cfg, builtAt()); !since.IsZero() {
		v.Since = &since
	}
	g := globalsOf(cmd)
	if g.socket == "" {
		g.socket = cfg.Paths.Socket()
	}
	if doc, err := askStatus(cmd.Context(), g.socket, g.timeout); err == nil {
		v.Running, v.Start, v.Acts = true, doc.Gateway.Start, doc.Gateway.ID
	}
	v.board(note, unread, machine.Read(root))
	return v, nil
}

// board compares this machine with the note, or says why there is none.
func (v *identityView) board(note *machine.Note, err error, here machine.Marks) {
	v.Cards = here.Cards
	if err != nil {
		if v.Board = boardUnnoted; !errors.Is(err, fs.ErrNotExist) {
			v.Board, v.Why = boardUnread, err.Error()
		}
		note = machine.NewNote("", machine.Marks{}, time.Time{})
	} else {
		v.Noted = &note.Noted
	}
	verdict := note.Judge(here)
	v.Marks, v.Decides = verdict.Marks, verdict.Decides
	switch {
	case v.Board != "":
	case note.Gateway != v.ID:
		v.Board, v.Decides = boardUnnoted, ""
	case verdict.Other:
		v.Board = boardOther
	case verdict.Decides != "":
		v.Board = boardSame
	default:
		v.Board = boardUnknown
	}
	if v.Marks == nil {
		v.Marks = []machine.Mark{}
	}
}

// print shows it to people. renewal is how the gateway gets another id.
func (v *identityView) print(out io.Writer, renewal string) error {
	p := func(title, format string, args ...any) {
		fmt.Fprintf(out, "%-12s%s\n", title, status.Clean(fmt.Sprintf(format, args...), 300))
	}
	p("Id", "%s", v.ID)
	if v.From == "file" {
		p("From", "%s, which the gateway made", v.Place)
	} else {
		p("From", "the configuration: %s", v.Place)
	}
	if v.Since != nil {
		p("Since", "%s", when(*v.Since))
	}
	switch {
	case !v.Running:
		p("This start", "the gateway does not run, or did not answer")
	case v.Acts != v.ID:
		p("This start", "%s, still as %s until it is restarted: sudo portti service restart", v.Start, v.Acts)
	default:
		p("This start", "%s", v.Start)
	}
	p("Board", "%s", v.sentence())
	for _, m := range v.Marks {
		text := map[[2]bool]string{{true, false}: "noted, not known here", {false, true}: "known here, not noted", {true, true}: "differs"}[[2]bool{m.Noted, m.Here}]
		if m.Same {
			text = "agrees"
		}
		if m.Source == v.Decides {
			text += ", decides"
		}
		p("", "%-34s%s", sourceName(m.Source), text)
	}
	for _, c := range v.Cards {
		p("Network", "%-34s%s", c.Name, c.MAC)
	}
	if v.Board != boardOther {
		return nil
	}
	_, err := fmt.Fprintf(out, "\nAfter a board swap:        sudo portti identity keep\n"+
		"If the card was copied:    give one of the two another id: %s\n", renewal)
	return err
}

func (v *identityView) sentence() string {
	switch v.Board {
	case boardSame:
		return "the one that was noted on " + when(*v.Noted)
	case boardOther:
		return "another one than was noted on " + when(*v.Noted)
	case boardUnknown:
		return "cannot be compared: no mark that could decide is known both here and from " + when(*v.Noted)
	case boardUnread:
		return "cannot be compared: " + v.Why
	}
	return "not noted yet under this id; the gateway does it at its next start"
}

func when(t time.Time) string { return t.Local().Format("2 January 2006, 15:04") }

func sourceName(source string) string {
	switch source {
	case machine.DeviceTree:
		return "serial number (device tree)"
	case machine.CPUInfo:
		return "serial number (/proc/cpuinfo)"
	case machine.BoardDMI:
		return "serial number of the board (DMI)"
	case machine.ProductDMI:
		return "serial number of the machine (DMI)"
	}
	return source
}
