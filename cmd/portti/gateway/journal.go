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

	"portti/cmd/portti/status"
)

// JournalHandler writes log lines for the systemd journal: as an entry of fields
// (systemd.journal-fields(7)), so that journalctl can choose by PORTTI_CODE,
// PORTTI_DEVICE and PORTTI_EVENT, and shows with -x what a code means. Where the
// journal takes no entry now, the line goes to standard error with its priority in
// angle brackets (sd-daemon(3)), from where the journal reads it as well. It has the
// time already.
type JournalHandler struct {
	out    *journalOut
	text   slog.Handler
	device string // of the part that logs; "" = none
}

// journalOut is shared by all handlers made from one: they take turns.
type journalOut struct {
	mu    sync.Mutex
	w     io.Writer
	entry func(fields []byte) error
	buf   bytes.Buffer
	out   bytes.Buffer
}

// NewJournalHandler writes lines of at least level. entry hands the journal the fields
// of one entry and never waits; nil = there are only lines on w.
func NewJournalHandler(w io.Writer, level slog.Leveler, entry func(fields []byte) error) *JournalHandler {
	out := &journalOut{w: w, entry: entry}
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
	o := h.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Reset()
	if err := h.text.Handle(ctx, r); err != nil {
		return err
	}
	p := priority(r.Level)
	if o.entry != nil {
		o.out.Reset()
		h.fields(&o.out, p, r)
		if o.entry(o.out.Bytes()) == nil {
			return nil
		}
	}
	o.out.Reset()
	fmt.Fprintf(&o.out, "<%d>%s", p, o.buf.Bytes())
	_, err := o.w.Write(o.out.Bytes())
	return err
}

// fields are those of one entry. No value has a line break: the text handler quotes
// them, and the other values are names.
func (h *JournalHandler) fields(b *bytes.Buffer, priority int, r slog.Record) {
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s=%s\n", name, status.Clean(value, 100))
		}
	}
	fmt.Fprintf(b, "MESSAGE=%sPRIORITY=%d\nSYSLOG_IDENTIFIER=portti\n", h.out.buf.Bytes(), priority)
	device := h.device
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "code":
			code := a.Value.String()
			field("PORTTI_CODE", code)
			if code != "" {
				field("MESSAGE_ID", status.MessageID(code))
			}
		case "event":
			field("PORTTI_EVENT", a.Value.String())
		case "device", "subject":
			device = a.Value.String()
		}
		return true
	})
	field("PORTTI_DEVICE", device)
}

// WithAttrs implements slog.Handler.
func (h *JournalHandler) WithAttrs(a []slog.Attr) slog.Handler {
	next := *h
	next.text = h.text.WithAttrs(a)
	for _, one := range a {
		if one.Key == "device" {
			next.device = one.Value.String()
		}
	}
	return &next
}

// WithGroup implements slog.Handler.
func (h *JournalHandler) WithGroup(name string) slog.Handler {
	next := *h
	next.text = h.text.WithGroup(name)
	return &next
}

// priority is syslog's.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
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
