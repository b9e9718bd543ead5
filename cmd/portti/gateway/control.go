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
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"portti/cmd/portti/config"
	"portti/cmd/portti/status"
)

// control serves two Unix sockets, HTTP and JSON: who may open which is the business of
// the files. The one for the service's group answers everything; the only things that
// it changes are that the configuration is read again and, for a time, the log's level. The other is for every user of
// the machine: how the gateway is, which holds no secret, and no reading.
type control struct {
	doors []*door
}

// door is one of the sockets.
type door struct {
	listener net.Listener
	server   *http.Server
}

// Limits of the sockets, whose peers are people and scripts on the same machine.
const (
	controlHeaderTimeout = 5 * time.Second
	controlWriteTimeout  = 10 * time.Second
	controlMaxHeader     = 16 << 10
	maxStrangers         = 16 // connections of those who are not of the group
)

// listenControl takes the sockets. A socket file on which nobody answers was
// left by a daemon that was killed.
func listenControl(dir string, members, everybody http.Handler, log *slog.Logger) (*control, error) {
	if err := makeRunFolder(dir); err != nil {
		return nil, fmt.Errorf("cannot make the folder for the control socket: %w", err)
	}
	path := filepath.Join(dir, config.SocketName)
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			return nil, errors.Join(fmt.Errorf("portti is %w: another one, with another state folder, answers on %s; give this one another [paths] run", ErrRunning, path), c.Close())
		}
	}
	c := &control{}
	for _, d := range []struct {
		name    string
		mode    fs.FileMode
		handler http.Handler
	}{{config.SocketName, 0o660, members}, {config.StatusSocketName, 0o666, busy(everybody)}} {
		l, err := listenUnix(filepath.Join(dir, d.name), d.mode)
		if err != nil {
			c.close()
			return nil, err
		}
		if d.name != config.SocketName {
			l = &fewListener{Listener: l, limit: maxStrangers}
		}
		c.doors = append(c.doors, &door{l, &http.Server{
			Handler:           d.handler,
			ConnContext:       withConn,
			ReadHeaderTimeout: controlHeaderTimeout,
			WriteTimeout:      controlWriteTimeout,
			MaxHeaderBytes:    controlMaxHeader,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		}})
	}
	return c, nil
}

// makeRunFolder makes one that every user may enter, whatever this process's mask is.
// One that is there is left as it is.
func makeRunFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot take over the control socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on the control socket %s: %w", path, err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot set who may use the control socket: %w", err), l.Close())
	}
	return l, nil
}

// routes are what the sockets answer.
func (g *Gateway) routes() (members, everybody http.Handler) {
	log := g.opt.Log
	all, open := http.NewServeMux(), http.NewServeMux()
	all.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.Status(), log) })
	open.HandleFunc("GET /api/v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, withoutReadings(g.Status()), log) })
	for _, mux := range []*http.ServeMux{all, open} {
		mux.HandleFunc("GET /api/v1/queue", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.Queue(), log) })
		mux.HandleFunc("GET /api/v1/history", func(w http.ResponseWriter, r *http.Request) {
			answer(w, g.History(r.URL.Query().Get("seconds") == "1"), log)
		})
	}
	all.HandleFunc("GET /api/v1/gps", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.GPS(), log) })
	all.HandleFunc("GET /api/v1/track", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.Track(), log) })
	all.HandleFunc("GET /api/v1/track.gpx", g.gpx)
	all.HandleFunc("GET /api/v1/queue/export", g.exportQueue)
	all.HandleFunc("GET /api/v1/logs", g.serveLogs)
	all.HandleFunc("POST /api/v1/ping", g.servePing)
	all.HandleFunc("POST /api/v1/uplink/reconnect", g.serveReconnect)
	all.HandleFunc("GET /api/v1/devices/{name}/follow", g.followDevice)
	g.supportRoutes(all)
	all.HandleFunc("GET /api/v1/config/diff", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.ConfigDiff(), log) })
	all.HandleFunc("POST /api/v1/reload", func(w http.ResponseWriter, r *http.Request) {
		ask, err := reloadAsked(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		done, err := g.ask(r.Context(), ask) // for as long as who asked stays
		// the server's own limit began with the question, and a reload may outlast it
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(controlWriteTimeout))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer(w, done, log)
	})
	open.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this is for root and the group of the gateway", http.StatusForbidden)
	})
	return all, open
}

// reloadAsked is a reload as its address asks for it: confirm=DURATION puts it on trial,
// confirmed=true ends one, and told=true is from what has written a file.
func reloadAsked(q url.Values) (r reloadRequest, err error) {
	r.confirmed, r.told = q.Get("confirmed") == "true", q.Get("told") == "true"
	if text := q.Get("confirm"); text != "" {
		r.window, err = time.ParseDuration(text)
	}
	return r, err
}

// withoutReadings leaves out what came from a device.
func withoutReadings(s status.Document) status.Document {
	s.Devices = slices.Clone(s.Devices)
	for i := range s.Devices {
		s.Devices[i].LastLine = ""
	}
	return s
}

// answer sends a document.
func answer(w http.ResponseWriter, doc any, log *slog.Logger) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(doc); err != nil {
		log.Debug("answer not delivered", "component", "control", "event", "status.answer-failed", "err", err)
	}
}

// serve answers until stop, or until one of the sockets fails. It never returns nil.
func (c *control) serve() error {
	ended := make(chan error, len(c.doors))
	for _, d := range c.doors {
		go func() { ended <- d.server.Serve(d.listener) }()
	}
	first := <-ended
	if !errors.Is(first, http.ErrServerClosed) {
		c.close()
	}
	all := []error{first}
	for range c.doors[1:] {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			all = append(all, err)
		}
	}
	return fmt.Errorf("control socket: %w", errors.Join(all...))
}

// close ends all at once.
func (c *control) close() {
	for _, d := range c.doors {
		_ = d.listener.Close() // which the server may have done
		_ = d.server.Close()
	}
}

// listen takes the control socket.
func (g *Gateway) listen() (*control, error) {
	members, everybody := g.routes()
	return listenControl(g.cfg.Load().Paths.Run, g.withPage(members), everybody, g.opt.Log)
}

// serveControl answers until ctx ends. Where the socket cannot be had, as in a folder
// that the sandbox forbids, the gateway works without being asked, and tries again
// every minute.
func (g *Gateway) serveControl(ctx context.Context, c *control, err error) {
	for {
		if g.doors.set(doorControl, err) && err != nil {
			g.log.Error("commands such as portti status cannot reach this gateway; it works without them and tries again every minute", "event", "control.failed", "err", err)
		}
		if c == nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(doorRetry):
				c, err = g.listen()
			}
			continue
		}
		served := make(chan struct{})
		go func() { err = c.serve(); close(served) }()
		select {
		case <-ctx.Done():
			c.stop()
			<-served
			return
		case <-served:
			c = nil
		}
	}
}

// stop ends the sockets at once but for requests under way, which get a second.
func (c *control) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, d := range c.doors {
		if d.server.Shutdown(ctx) != nil {
			_ = d.server.Close()
		}
	}
}
