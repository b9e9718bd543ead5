package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"portti/cmd/portti/config"
	"portti/cmd/portti/console"
	"portti/cmd/portti/status"
	"portti/device"
	"portti/uplink"
)

func explainCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "what a problem code means and how to fix it",
		Long: `Explains a code of a problem as portti status shows it: what it means and what to do, in
this order. It also takes a close code of the server (4001), an HTTP status (401) and an
error of the system (EACCES, ENOSPC). Alone it lists all codes.

It works without the running gateway; where one runs it also says what is open there.

Exit codes: 0 explained, 1 the code is not known.`,
		Example: `  portti explain UP-AUTH-REJECTED
  portti explain 4001
  portti explain ENOSPC`,
		Args: cobra.MaximumNArgs(1),
		RunE: runExplain,
	}
}

// explained is the JSON of portti explain. Fields are only ever added.
type explained struct {
	Schema int    `json:"schema"`
	Asked  string `json:"asked"`
	Words  string `json:"words"` // what the number or the error means; "" for a code of the catalogue
	// Problems are the entries of the catalogue.
	Problems []console.Explanation `json:"problems"`
}

func runExplain(cmd *cobra.Command, args []string) error {
	g, out := globalsOf(cmd), cmd.OutOrStdout()
	all := explanations()
	openNow(cmd, all)
	o := consoleOptions(g, out, os.Getenv)
	if len(args) == 0 {
		if g.json {
			return writeJSON(cmd, explained{Schema: status.Schema, Problems: all})
		}
		return console.ExplainAll(out, all, o)
	}
	e, err := explain(args[0], all)
	switch {
	case err != nil:
		return err
	case g.json:
		return writeJSON(cmd, e)
	}
	return console.Explain(out, e.Words, e.Problems, o)
}

// everyProblem is the catalogue with what the drivers add to it, each code once and in
// order, as manuals say it: {port} is PORT.
func everyProblem() []status.Entry {
	all := status.Catalogue()
	for _, p := range device.Kinds().Problems() {
		all = append(all, status.Entry{Code: p.Code, Severity: status.Warning, Title: p.Title, Sentence: p.Sentence, Actions: p.Actions, ImpactsData: p.ImpactsData})
	}
	byCode := func(a, b status.Entry) int { return strings.Compare(a.Code, b.Code) }
	slices.SortStableFunc(all, byCode)
	all = slices.CompactFunc(all, func(a, b status.Entry) bool { return a.Code == b.Code })
	for i, e := range all {
		all[i].Sentence, all[i].Actions = places(e.Sentence), make([]string, len(e.Actions))
		for j, text := range e.Actions {
			all[i].Actions[j] = places(usually(e.Code, text))
		}
	}
	return all
}

// explanations are all problems as the console shows them.
func explanations() []console.Explanation {
	entries := everyProblem()
	all := make([]console.Explanation, 0, len(entries))
	for _, e := range entries {
		x := console.Explanation{Code: e.Code, Severity: string(e.Severity), Title: e.Title, Sentence: e.Sentence,
			HiddenBy: append([]string{}, e.DependsOn...), AfterS: e.ShowAfter.Seconds(), ImpactsData: e.ImpactsData, Open: []string{}}
		x.Actions, x.Commands = e.Advise()
		all = append(all, x)
	}
	return all
}

// usually puts advice in the place of what a gateway works out from how it is configured:
// what fits most.
func usually(code, text string) string {
	remedy := "Find out what it sends and how fast: `portti discover`"
	switch code {
	case "UP-AUTH-REJECTED":
		remedy = "Get a new token and give it to portti: `sudo portti login`"
	case "NET-MTU":
		remedy = "Have this machine send and take smaller ones: `sudo ip link set dev INTERFACE mtu 1280`"
	case "NET-NO-ROUTE":
		remedy = "Connect cable, Wi-Fi or modem"
	case "BUF-READONLY":
		remedy = "Start the service anew: `sudo portti service restart`; if the disk stays read-only, replace it"
	case device.CodeGone:
		remedy = "Plug the adapter in, or switch the device server on"
	}
	return strings.NewReplacer("{remedy}", remedy, "{address}", "If the address never worked, enter the right one: `sudo portti setup`; if it did, tell the operators of the server and of the network if it stays", "{new}", "`sudo portti identity new && sudo portti service restart`",
		"{letin}", "Let the service's user into the port's group: `sudo usermod -aG dialout portti && sudo portti service restart`").Replace(text)
}

// places writes the places of a sentence as manuals do, {port} as PORT.
func places(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "{")
		b.WriteString(before)
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			return b.String()
		}
		b.WriteString(strings.ToUpper(name))
		text = rest
	}
}

// openNow adds what the running gateway has of these problems, if there is one.
func openNow(cmd *cobra.Command, all []console.Explanation) {
	g := globalsOf(cmd)
	socket, err := socketOf(g)
	if err != nil {
		return
	}
	s, err := askStatus(cmd.Context(), socket, min(g.timeout, completeWait))
	if err != nil {
		return
	}
	for _, p := range s.Problems {
		for i := range all {
			if all[i].Code == p.Code {
				if all[i].Open = append(all[i].Open, p.Sentence); len(p.Actions) > 0 { // which fit this gateway
					all[i].Actions, all[i].Commands = p.Actions, p.Commands
				}
			}
		}
	}
}

// explain finds what a word means.
func explain(word string, all []console.Explanation) (explained, error) {
	e := explained{Schema: status.Schema, Asked: word}
	take := func(codes ...string) (explained, error) {
		for _, x := range all {
			if slices.Contains(codes, x.Code) {
				e.Problems = append(e.Problems, x)
			}
		}
		if e.Problems == nil {
			e.Problems = []console.Explanation{}
		}
		return e, nil
	}
	code := strings.ToUpper(strings.TrimSpace(word))
	if slices.ContainsFunc(all, func(x console.Explanation) bool { return x.Code == code }) {
		return take(code)
	}
	if n, err := strconv.Atoi(code); err == nil {
		if words, problem, ok := numberMeans(n); ok {
			e.Words = words
			return take(problem)
		}
		return e, exit(exitFailed, fmt.Errorf("%d is neither a WebSocket close code (1000 to 4999) nor an HTTP status (100 to 599)", n))
	}
	if err := errnoNamed(code); err != 0 {
		known := errnoMeans(err)
		e.Words = fmt.Sprintf("%s is the system's word for: %s. %s", code, err.Error(), known.words)
		return take(known.codes...)
	}
	return e, unknownCode(word, code, all)
}

// numberMeans tells of a close code or an HTTP status; the two do not overlap.
func numberMeans(n int) (words, problem string, ok bool) {
	switch {
	case n >= 1000 && n <= 4999:
		m := uplink.MeaningOfClose(n)
		return fmt.Sprintf("The server closed the connection with code %d: %s. %s", n, m.Sentence, m.Does), m.Problem, true
	case n >= 200 && n <= 299 || n == http.StatusSwitchingProtocols:
		m := uplink.MeaningOfStatus(n)
		if n == http.StatusSwitchingProtocols {
			return "HTTP status 101 (Switching Protocols) is the good answer: the connection becomes a WebSocket.", "", true
		}
		return fmt.Sprintf("HTTP status %d %s: the server answered, but did not make the connection a WebSocket.", n, quoted(n)), m.Problem, true
	case n >= 100 && n <= 599:
		m := uplink.MeaningOfStatus(n)
		return fmt.Sprintf("The server answered with HTTP status %d%s: %s. %s", n, quoted(n), m.Sentence, m.Does), m.Problem, true
	}
	return "", "", false
}

func quoted(n int) string {
	if text := http.StatusText(n); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// errnoNamed is the error with that name, 0 = none.
func errnoNamed(name string) syscall.Errno {
	for n := syscall.Errno(1); n < 200; n++ {
		if unix.ErrnoName(n) == name {
			return n
		}
	}
	return 0
}

type errnoMeaning struct {
	words string
	codes []string
}

// errnoMeans is where such an error comes from on a gateway.
func errnoMeans(e syscall.Errno) errnoMeaning {
	switch e {
	case unix.EACCES, unix.EPERM:
		return errnoMeaning{"The user who runs the command or the service may not open that file or port.", []string{"HW-PERMISSION"}}
	case unix.ENOSPC, unix.EDQUOT:
		return errnoMeaning{"The disk has no room: readings cannot be saved until there is some.", []string{"BUF-DISK-LOW", "BUF-IO"}}
	case unix.EROFS:
		return errnoMeaning{"The file system can only be read: it is mounted so, or the kernel made it so after an error.", []string{"BUF-READONLY"}}
	case unix.EIO:
		return errnoMeaning{"The device failed: a card or disk that has errors, or an adapter that was pulled out.", []string{"BUF-IO", "DEV-GONE"}}
	case unix.EBUSY:
		return errnoMeaning{"Another program has that port open.", []string{"DEV-BUSY"}}
	case unix.ENOENT, unix.ENODEV, unix.ENXIO:
		return errnoMeaning{"What was to be opened is not there: an adapter that is not plugged in, or a wrong name.", []string{"DEV-GONE"}}
	case unix.ENOTTY:
		return errnoMeaning{"That is not a serial port.", []string{"HW-NOT-SERIAL"}}
	case unix.ECONNREFUSED:
		return errnoMeaning{"The machine is there, but nothing listens on that port.", []string{"NET-REFUSED"}}
	case unix.ETIMEDOUT:
		return errnoMeaning{"No answer came in time.", []string{"NET-TIMEOUT"}}
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN:
		return errnoMeaning{"There is no way to that machine from here.", []string{"NET-NO-ROUTE"}}
	case unix.ECONNRESET, unix.EPIPE, unix.ECONNABORTED:
		return errnoMeaning{"The other end of a connection ended it at once.", []string{"UP-CLOSED"}}
	case unix.EADDRINUSE:
		return errnoMeaning{"Another program listens on that address already.", []string{"SYS-METRICS", "SYS-SOCKET"}}
	case unix.EMSGSIZE:
		return errnoMeaning{"A packet was larger than the network lets through.", []string{"NET-MTU"}}
	case unix.EMFILE, unix.ENFILE:
		return errnoMeaning{"Too many files are open at once.", nil}
	case unix.ENOMEM:
		return errnoMeaning{"The machine has no memory left.", nil}
	}
	return errnoMeaning{"No problem of the catalogue is about it; the sentence that it came with says what failed.", nil}
}

// unknownCode suggests what may have been meant: the nearest, else those that hold the word.
func unknownCode(word, code string, all []console.Explanation) error {
	var codes, holding []string
	for _, x := range all {
		codes = append(codes, x.Code)
		if len(code) > 1 && strings.Contains(strings.ToUpper(x.Code+" "+x.Title), code) {
			holding = append(holding, x.Code)
		}
	}
	text := fmt.Sprintf("%q is no code that portti knows", status.Clean(word, 60))
	if near := config.Nearest(code, codes); near != "" {
		return exit(exitFailed, fmt.Errorf("%s; did you mean %q?", text, near))
	}
	if len(holding) > 0 {
		return exit(exitFailed, fmt.Errorf("%s; did you mean one of %s?", text, strings.Join(holding[:min(len(holding), 6)], ", ")))
	}
	return exit(exitFailed, errors.New(text+". All of them: portti explain"))
}
