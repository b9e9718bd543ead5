package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/doctor"
	"portti/cmd/portti/gateway"
	"portti/cmd/portti/status"
)

// Limits of a bundle. A Pi with half a gigabyte makes one of the most there can be.
const (
	maxSource      = 2 << 20 // of one file; what is more is left out and counted
	maxServed      = 1 << 20 // of one that the gateway makes of itself: 20 MB at most while it is scrubbed
	sourcePatience = 30 * time.Second
	maxLogLines    = 20_000
)

// source is where a file of the bundle comes from. It may give text and an error: what
// there is, and why that is not all.
type source struct {
	name string
	last bool // of a text that is too long the end is kept
	get  func(ctx context.Context) ([]byte, error)
}

func (b *bundle) sources() []source {
	all := []source{
		{"status.json", false, b.status},
		{"problems.json", false, b.problems},
		{"doctor.json", false, b.doctor},
		{"config.toml", false, b.config},
		{"config-problems.txt", false, b.mistakes},
		{"environment.txt", false, b.environment},
		{"buffer-stats.json", false, b.queue},
		{"metrics.txt", false, b.metrics},
		{"history.json", true, b.page("/api/v1/history")},
		{"goroutines.txt", false, b.page("/api/v1/goroutines")},
		{"log.txt", true, b.log},
		{"log-kept.json", false, b.page("/api/v1/logs")}, // the newest lines, also where there is no journal, or nobody may read it
	}
	return append(all, b.systemSources()...)
}

// page is a page of the running gateway.
func (b *bundle) page(page string) func(context.Context) ([]byte, error) {
	return func(ctx context.Context) ([]byte, error) {
		timeout := max(b.g.timeout, time.Second)
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		resp, err := openBy(ctx, b.client, b.socket, timeout, http.MethodGet, page)
		switch {
		case errors.Is(err, errNoPage):
			return nil, errors.New("the running gateway does not have this")
		case err != nil:
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(io.LimitReader(resp.Body, 4*b.most))
	}
}

// document is a page in JSON, laid out for people.
func (b *bundle) document(ctx context.Context, page string) (map[string]any, error) {
	text, err := b.page(page)(ctx)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("the answer of the gateway cannot be read: %w", err)
	}
	return doc, nil
}

func (b *bundle) status(ctx context.Context) ([]byte, error) {
	doc, err := b.document(ctx, "/api/v1/status")
	if notRunning(err) {
		return laidOut(whyStopped(b.machine, b.g, b.socket))
	}
	if err != nil {
		return nil, err
	}
	if !b.manifest.Readings {
		withoutLines(doc)
	}
	return laidOut(doc)
}

// withoutLines leaves out what came from a device.
func withoutLines(doc map[string]any) {
	devices, _ := doc["devices"].([]any)
	for _, d := range devices {
		if d, ok := d.(map[string]any); ok {
			delete(d, "last_line")
		}
	}
}

// problems are in the status too, and are what everybody looks for first.
func (b *bundle) problems(ctx context.Context) ([]byte, error) {
	doc, err := b.document(ctx, "/api/v1/status")
	if err != nil {
		return nil, err
	}
	return laidOut(map[string]any{"schema": doc["schema"], "time": doc["time"], "problems": doc["problems"]})
}

func laidOut(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return out.Bytes(), err
}

func (b *bundle) doctor(ctx context.Context) ([]byte, error) {
	if b.served { // it would listen to devices, call the server and run programs
		return nil, errors.New(bySudo)
	}
	h, err := doctorHost(ctx, b.g, b.machine)
	if err != nil {
		return nil, err
	}
	return laidOut(map[string]any{"schema": 1, "results": doctor.Examine(ctx, h, doctor.Checks())})
}

func (b *bundle) config(context.Context) ([]byte, error) {
	if _, err := os.ReadFile(b.g.config); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := b.cfg.ShowOutside(&out)
	return out.Bytes(), err
}

// mistakes are what config check finds.
func (b *bundle) mistakes(context.Context) ([]byte, error) {
	cfg, err := config.Load(b.g.config, config.LoadOptions{Environ: append(os.Environ(), b.view.Env...)})
	if err != nil {
		return []byte(err.Error() + "\n"), nil
	}
	if len(cfg.Warnings) > 0 {
		return []byte((&config.Error{Faults: cfg.Warnings}).Error() + "\n"), nil
	}
	return []byte("no mistakes\n"), nil
}

// environment has the variables that are known to be safe, and of ours the names.
func (b *bundle) environment(context.Context) ([]byte, error) {
	var out bytes.Buffer
	safe := []string{"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "COLUMNS", "NO_COLOR", "PATH", "INVOCATION_ID", "JOURNAL_STREAM", "GOMEMLIMIT", "GOGC"}
	for _, where := range []struct {
		of   string
		vars []string
	}{{"this program", os.Environ()}, {"the service's unit", b.view.Env}} {
		fmt.Fprintf(&out, "# of %s\n", where.of)
		for _, v := range slices.Sorted(slices.Values(where.vars)) {
			name, value, _ := strings.Cut(v, "=")
			switch {
			case slices.Contains(safe, name):
				fmt.Fprintf(&out, "%s=%s\n", name, value)
			case strings.HasSuffix(strings.ToLower(name), "_proxy"):
				fmt.Fprintf(&out, "%s=%s\n", name, config.MaskURL(value))
			case strings.HasPrefix(name, "PORTTI_"):
				fmt.Fprintf(&out, "%s=[%d characters]\n", name, len(value))
			}
		}
	}
	return out.Bytes(), nil
}

func (b *bundle) queue(ctx context.Context) ([]byte, error) {
	doc, err := b.document(ctx, "/api/v1/queue")
	if err == nil {
		return laidOut(doc)
	}
	if !notRunning(err) {
		return nil, err
	}
	stats, err := queueFiles(b.cfg)
	if err != nil {
		return nil, err
	}
	return laidOut(stats)
}

func (b *bundle) metrics(ctx context.Context) ([]byte, error) {
	if b.cfg.Metrics.Listen == "" {
		return nil, errors.New("they are turned off: [metrics] listen is empty")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.cfg.Metrics.Listen+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Host = "localhost"                                                                                              // they are asked by a name of this machine, and 0.0.0.0 is none
	client := &http.Client{Timeout: max(b.g.timeout, time.Second), Transport: &http.Transport{DisableKeepAlives: true}, // no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // whoever has the port while the gateway is stopped leads nowhere
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", b.cfg.Metrics.Listen, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 4*b.most))
}

// log is what the service said, from whichever log the machine has.
func (b *bundle) log(ctx context.Context) ([]byte, error) {
	since := time.Now().Add(-b.options.since).Unix()
	text, err := b.run(ctx, "journalctl", "--no-pager", "--quiet", "--unit=portti", fmt.Sprintf("--since=@%d", since), fmt.Sprintf("--lines=%d", maxLogLines), "--output=short-iso-precise")
	if errors.Is(err, exec.ErrNotFound) {
		text, err = b.run(ctx, "logread", "-e", "portti")
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("this machine has neither journalctl nor logread")
	}
	if err == nil && len(bytes.TrimSpace(text)) == 0 {
		err = errors.New("there is nothing of portti in the log, or you may not read it (sudo)")
	}
	return text, err
}

// identity is the gateway's id as far as it can be known here.
func (b *bundle) identity(ctx context.Context) string {
	var s status.Document
	if err := askBy(ctx, b.client, b.socket, b.g.timeout, http.MethodGet, "/api/v1/status", &s); err == nil && s.Gateway.ID != "" {
		return s.Gateway.ID
	}
	id, err := gateway.IdentityOf(b.cfg)
	if err != nil || id == "auto" {
		return ""
	}
	return id
}

// quotedName finds the names in a table that is written on one line.
var quotedName = regexp.MustCompile(`"([^"]+)"|=(\S+)`)

// hosts are the names of machines that the configuration has.
func (b *bundle) hosts() (all []string) {
	if name, err := os.Hostname(); err == nil {
		all = append(all, name)
	}
	u := b.cfg.Uplink
	for _, address := range append(u.Addresses(), u.Proxy, u.OAuth.TokenURL, u.OAuth.DeviceURL, u.Login.URL, u.Origin, u.JWT.Audience) {
		if p, err := url.Parse(address); err == nil {
			all = append(all, p.Hostname())
		}
	}
	resolv, _ := fs.ReadFile(b.machine, "etc/resolv.conf")
	for line := range strings.Lines(string(resolv)) {
		if words := strings.Fields(line); len(words) > 1 && (words[0] == "search" || words[0] == "domain") {
			all = append(all, words[1:]...)
		}
	}
	return append(append(all, b.cfg.Web.Names...), b.cfg.Gateway.Name)
}
