package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
)

// JournalHandler writes log lines as the journal reads them from a service's
// standard error: the priority in angle brackets (sd-daemon(3)), the message,
// then key=value pairs. The journal has the time already.
type JournalHandler struct {
	out  *journalOut
	text slog.Handler
}

// journalOut is shared by all handlers made from one: they take turns.
type journalOut struct {
	mu  sync.Mutex
	w   io.Writer
	buf bytes.Buffer
}

// NewJournalHandler writes lines of at least level to w.
func NewJournalHandler(w io.Writer, level slog.Leveler) *JournalHandler {
	out := &journalOut{w: w}
	return &JournalHandler{out: out, text: slog.NewTextHandler(&out.buf, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

// Enabled implements slog.Handler.
func (h *JournalHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.text.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (h *JournalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	h.out.buf.WriteString(priority(r.Level))
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *JournalHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return &JournalHandler{out: h.out, text: h.text.WithAttrs(a)}
}

// WithGroup implements slog.Handler.
func (h *JournalHandler) WithGroup(name string) slog.Handler {
	return &JournalHandler{out: h.out, text: h.text.WithGroup(name)}
}

func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// IsJournalStream says whether f is what JOURNAL_STREAM names, device and
// inode (systemd.exec(5)): a redirected standard error is not.
func IsJournalStream(f *os.File, stream string) bool {
	var dev, inode uint64
	if _, err := fmt.Sscanf(stream, "%d:%d", &dev, &inode); err != nil {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && uint64(st.Dev) == dev && uint64(st.Ino) == inode
}
