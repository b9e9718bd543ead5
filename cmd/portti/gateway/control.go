package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

// control serves the status document on a Unix socket: HTTP and JSON, for the
// service's own group. Nothing that arrives here changes anything but that the
// configuration is read again, and who may write that is the file's business.
type control struct {
	listener net.Listener
	server   *http.Server
}

// Limits of the control socket, whose peers are people and scripts on the same
// machine.
const (
	controlHeaderTimeout = 5 * time.Second
	controlWriteTimeout  = 10 * time.Second
	controlMaxHeader     = 16 << 10
)

// listenControl takes the socket. A socket file on which nobody answers was
// left by a daemon that was killed.
func listenControl(dir string, status func() status.Document, reload func(context.Context) (Reloaded, error), log *slog.Logger, more ...func(*http.ServeMux)) (*control, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the folder for the control socket: %w", err)
	}
	path := filepath.Join(dir, config.SocketName)
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			return nil, errors.Join(fmt.Errorf("portti is %w: another one, with another state folder, answers on %s; give this one another [paths] run", ErrRunning, path), c.Close())
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot take over the control socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on the control socket %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot set who may use the control socket: %w", err), l.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, status(), log)
	})
	for _, add := range more {
		add(mux)
	}
	mux.HandleFunc("POST /api/v1/reload", func(w http.ResponseWriter, r *http.Request) {
		done, err := reload(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(done); err != nil {
			log.Debug("result of a reload not delivered", "component", "control", "event", "reload.answer-failed", "err", err)
		}
	})
	return &control{listener: l, server: &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: controlHeaderTimeout,
		WriteTimeout:      controlWriteTimeout,
		MaxHeaderBytes:    controlMaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// answer sends a document.
func answer(w http.ResponseWriter, doc any, log *slog.Logger) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		log.Debug("answer not delivered", "component", "control", "event", "status.answer-failed", "err", err)
	}
}

func (c *control) serve() error {
	if err := c.server.Serve(c.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// listen takes the control socket.
func (g *Gateway) listen() (*control, error) {
	return listenControl(g.cfg.Paths.Run, g.Status, g.Reload, g.opt.Log, g.queueRoutes)
}

// serveControl answers until ctx ends. Where the socket cannot be had, as in a folder
// that the sandbox forbids, the gateway works without being asked, and tries again
// every minute.
func (g *Gateway) serveControl(ctx context.Context, c *control, err error) {
	for {
		if g.doors.set(doorControl, err) && err != nil {
			g.log.Error("the verbs cannot ask this gateway; it works without that and tries again every minute", "event", "control.failed", "err", err)
		}
		if c != nil {
			ended := context.AfterFunc(ctx, c.stop)
			err = c.serve()
			if !ended() {
				return
			}
		} else {
			select {
			case <-ctx.Done():
				return
			case <-time.After(doorRetry):
			}
			c, err = g.listen()
			continue
		}
		c = nil
	}
}

// stop ends the socket at once but for requests under way, which get a second.
func (c *control) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		c.server.Close()
	}
}
