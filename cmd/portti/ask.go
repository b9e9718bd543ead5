package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

// maxStatus bounds the answer: a daemon with hundreds of devices stays far
// below.
const maxStatus = 4 << 20

// ask puts a question to the running daemon and reads the answer, JSON, into
// answer. Its errors carry the exit code.
func ask(ctx context.Context, socket string, timeout time.Duration, method, path string, answer any) error {
	return askBy(ctx, clientOf(socket), socket, timeout, method, path, answer)
}

// askBy is ask by a client of the one who asks.
func askBy(ctx context.Context, client *http.Client, socket string, timeout time.Duration, method, path string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := openBy(ctx, client, socket, timeout, method, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(answer); err != nil {
		return exit(exitUnknown, fmt.Errorf("the answer on %s cannot be read: %w", socket, err))
	}
	return nil
}

// askQueue asks for the buffer in detail.
func askQueue(ctx context.Context, g globals) (*status.Queue, error) {
	socket, err := socketOf(g)
	if err != nil {
		return nil, err
	}
	var s status.Queue
	if err := ask(ctx, socket, g.timeout, http.MethodGet, "/api/v1/queue", &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// openPage opens a page of the running daemon, whose text may take long.
func openPage(ctx context.Context, g globals, page string) (*http.Response, error) {
	socket, err := socketOf(g)
	if err != nil {
		return nil, err
	}
	return openBy(ctx, clientOf(socket), socket, g.timeout, http.MethodGet, page)
}

// errNoPage is of a daemon that does not know the page, as an older one.
var errNoPage = errors.New("answered 404 Not Found")

// openBy asks, and leaves the answer to be read. timeout is for its beginning alone. The
// body's Close ends the request.
func openBy(ctx context.Context, client *http.Client, socket string, timeout time.Duration, method, path string) (*http.Response, error) {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	whole, stop := context.WithCancel(ctx)
	began := context.AfterFunc(waiting, stop)
	req, err := http.NewRequestWithContext(whole, method, "http://portti"+path, nil)
	if err != nil {
		stop()
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		stop()
		return nil, unreachable(waiting, socket, timeout, err)
	}
	began()
	resp.Body = stopping{resp.Body, stop}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusForbidden:
		return nil, notOfTheGroup(socket)
	case http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusConflict, http.StatusBadRequest: // it says why
		why, _ := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
		return nil, exit(exitFailed, errors.New(strings.TrimSpace(string(why))))
	case http.StatusNotFound:
		return nil, exit(exitUnknown, fmt.Errorf("what listens on %s %w: is it portti, and of this version?", socket, errNoPage))
	}
	return nil, exit(exitUnknown, fmt.Errorf("what listens on %s answered %s: is it portti, and of this version?", socket, resp.Status))
}

// stopping ends the request with its body.
type stopping struct {
	io.ReadCloser
	stop func()
}

func (s stopping) Close() error {
	defer s.stop()
	return s.ReadCloser.Close()
}

// clientOf speaks HTTP on a Unix socket.
func clientOf(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "unix", socket)
			if errors.Is(err, fs.ErrPermission) { // not of the group: what everybody may see is next to it
				if open, openErr := d.DialContext(ctx, "unix", filepath.Join(filepath.Dir(socket), config.StatusSocketName)); openErr == nil {
					return open, nil
				}
			}
			return c, err
		},
	}}
}

// unreachable tells a daemon that is not there from one that cannot be asked.
func unreachable(ctx context.Context, socket string, timeout time.Duration, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return exit(exitNotRunning, fmt.Errorf("portti is not running (no socket at %s). Start it: sudo portti service start", socket))
	case errors.Is(err, syscall.ECONNREFUSED):
		return exit(exitNotRunning, fmt.Errorf("portti is not running (nobody listens on %s). Start it: sudo portti service start", socket))
	case errors.Is(err, fs.ErrPermission):
		return notOfTheGroup(socket)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return exit(exitUnknown, fmt.Errorf("portti did not answer on %s within %s", socket, timeout))
	case errors.Is(ctx.Err(), context.Canceled):
		return exit(exitInterrupted, nil)
	}
	return exit(exitUnknown, fmt.Errorf("cannot ask portti on %s: %w", socket, err))
}

func notOfTheGroup(socket string) error {
	return exit(exitUnknown, fmt.Errorf("no permission for %s. Use sudo, or join the group and log in again: sudo usermod -aG portti $USER", socket))
}
