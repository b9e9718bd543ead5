package testbed

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"portti/cross/testkit"
)

const epoch = "9f2c41d07ab3e655"

// packet is a batch of gateway G.
func packet(first uint64, msgs ...string) string {
	return fmt.Sprintf(`{"type":"batch","gw":"G","epoch":%q,"first":%d,"msgs":[%s]}`, epoch, first, strings.Join(msgs, ","))
}

func ack(through uint64) string {
	return fmt.Sprintf(`{"type":"ack","epoch":%q,"through":%d}`, epoch, through)
}

func resume(through uint64) string {
	return fmt.Sprintf(`{"type":"resume","epoch":%q,"through":%d}`, epoch, through)
}

func nack(n uint64, why string) string {
	return fmt.Sprintf(`{"type":"nack","epoch":%q,"seq":%d,"code":"invalid","retry":false,"reason":%q}`, epoch, n, why)
}

func printed(n ...int) string {
	var b strings.Builder
	for _, i := range n {
		b.WriteString(msg(i) + "\n")
	}
	return b.String()
}

func TestBatchStoredBeforeIsAcknowledgedAndNotWrittenAgain(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Ack: "envelope", Out: &out})
	conn := dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(10, msg(10), msg(11)))
	hears(t, conn, ack(11))
	send(t, conn, packet(10, msg(10), msg(11))) // the same again
	hears(t, conn, ack(11))
	send(t, conn, packet(11, msg(11), msg(12))) // split elsewhere
	hears(t, conn, ack(12))
	send(t, conn, packet(20)) // nothing in it
	send(t, conn, packet(20, msg(20)))
	hears(t, conn, ack(20)) // numbers have gaps
	if want := printed(10, 11, 12, 20); out.String() != want {
		t.Fatalf("printed\n%s", out.String())
	}
	if s := r.Stats(); s.Skipped != 3 || s.Distinct != 4 || s.Repeats != 3 || s.Changed != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestBatchNumberingsAreApart(t *testing.T) {
	r := running(t, Options{Ack: "envelope"})
	conn := dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(10, msg(10)))
	hears(t, conn, ack(10))
	for _, other := range []struct{ gw, epoch string }{{"H", epoch}, {"G", "0000000000000001"}} {
		send(t, conn, fmt.Sprintf(`{"type":"batch","gw":%q,"epoch":%q,"first":3,"msgs":[%s]}`, other.gw, other.epoch, msg(3)))
		hears(t, conn, fmt.Sprintf(`{"type":"ack","epoch":%q,"through":3}`, other.epoch))
	}
	if s := r.Stats(); s.Skipped != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestBatchResumes(t *testing.T) {
	r := running(t, Options{Ack: "envelope"})
	conn := dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(10, msg(10), msg(11), msg(12)))
	hears(t, conn, ack(12))
	conn = dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(10, msg(10)))
	hears(t, conn, resume(12)) // the first message, once
	hears(t, conn, ack(10))
	send(t, conn, packet(11, msg(11)))
	hears(t, conn, ack(11))
	conn = dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(13, msg(13))) // nothing to say: it knows
	hears(t, conn, ack(13))
}

func TestBatchWithMessagesThatAreNone(t *testing.T) {
	var out bytes.Buffer
	r := running(t, Options{Ack: "envelope", Out: &out})
	conn := dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(1, msg(1), `7`, msg(3), `{"tsmId":1,"tsmEv":10,"tsmTs":1}`, `{"tsmTuid":"x","tsmId":"1","tsmEv":10,"tsmTs":1}`))
	for _, want := range []string{
		ack(1), nack(2, "it is no object"), ack(3), nack(4, "tsmTuid must be a text"), nack(5, "tsmId must be a number"), ack(5),
	} {
		hears(t, conn, want)
	}
	if out.String() != printed(1, 3) {
		t.Fatalf("printed %q", out.String())
	}
	if s := r.Stats(); s.Nacked != 3 || s.Bad != 0 || s.Messages != 2 {
		t.Fatalf("%+v", s)
	}
}

// A nack may be lost with its connection. The record is refused again, and
// resume does not pass it, until the client begins behind it.
func TestBatchRefusesAgain(t *testing.T) {
	r := running(t, Options{Ack: "envelope", OutFile: filepath.Join(t.TempDir(), "out")})
	conn := dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(1, msg(1), `7`, msg(3)))
	conn.Close() // hears nothing of it
	testkit.Eventually(t, "it is handled", func() bool { return r.Stats().Frames == 1 })
	conn = dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(1, msg(1), `7`, msg(3)))
	for _, want := range []string{resume(1), ack(1), nack(2, "it is no object"), ack(3)} {
		hears(t, conn, want)
	}
	conn = dial(t, r.URL(), nil, envelopeProtocol)
	send(t, conn, packet(3, msg(3))) // it has heard
	hears(t, conn, resume(3))
	hears(t, conn, ack(3))
	if m := r.store.marks.get(row{"G", epoch}); len(m.Refused) != 0 {
		t.Fatalf("%+v", m)
	}
}

func TestBatchThatIsNone(t *testing.T) {
	for _, frame := range []string{
		`[]`, `{}`, `7`, ``, `{"type":"batch"}`, packet(0, msg(1)), packet(math.MaxUint64, msg(1)),
		strings.Replace(packet(1, msg(1)), epoch, "short", 1), strings.Replace(packet(1, msg(1)), epoch, "9f2c41d07ab3e65x", 1),
		strings.Replace(packet(1, msg(1)), `"G"`, `""`, 1), strings.Replace(packet(1, msg(1)), `"first":1`, `"first":-1`, 1),
		`{"type":"batch","gw":"G","epoch":"` + epoch + `","first":1,"msgs":{}}`, `{"type":"batch","gw":"G","epoch":"` + epoch + `","first":1}`,
		packet(1, strings.TrimSuffix(strings.Repeat("7,", maxBatch+1), ",")),
	} {
		r := running(t, Options{Ack: "envelope"})
		conn := dial(t, r.URL(), nil, envelopeProtocol)
		send(t, conn, frame)
		if code, said := closing(t, conn); code != websocket.CloseInvalidFramePayloadData || len(said) > 0 {
			t.Errorf("%.80s: closed with %d after %v", frame, code, said)
		}
	}
}

func TestBatchesTravelInEveryDialect(t *testing.T) {
	for dialect, command := range map[string]string{"zyeta": `{"type":"ping"}`, "heimdall": `{"type":"ping"}`, "haltless": "", "thingsee": ""} {
		r := running(t, Options{Dialect: dialect, Ack: "envelope"})
		conn := dial(t, r.URL(), nil, envelopeProtocol)
		if command != "" {
			send(t, conn, command)
			if _, b, err := conn.ReadMessage(); err != nil || !strings.Contains(string(b), "pong") {
				t.Fatal(dialect, string(b), err)
			}
		}
		send(t, conn, packet(1, msg(1)))
		hears(t, conn, ack(1))
	}
}

// A hostile client names gateway after gateway.
func TestMarksAreBounded(t *testing.T) {
	m := newMarks(0)
	for i := range maxRows + 10 {
		if err := m.settle(row{fmt.Sprint(i), epoch}, mark{Through: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.rows) != maxRows || m.get(row{"9", epoch}).Through != 0 || m.get(row{"10", epoch}).Through != 1 {
		t.Fatal(len(m.rows))
	}
	refused := map[uint64]fault{}
	for n := range uint64(maxRefused + 10) {
		refused[n+1] = fault{"invalid", ""}
	}
	if next := (mark{}).moved(maxRefused+10, refused); len(next.Refused) != maxRefused || lowest(next.Refused) != 11 {
		t.Fatal(len(next.Refused), lowest(next.Refused))
	}
}

// started is a receiver with a file, on its own journal.
func restarted(t *testing.T, file string, story func(conn *websocket.Conn)) {
	t.Helper()
	t.Run("", func(t *testing.T) {
		r := running(t, Options{Ack: "envelope", OutFile: file})
		story(dial(t, r.URL(), nil, envelopeProtocol))
	})
}

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMarksOutliveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	restarted(t, file, func(conn *websocket.Conn) {
		send(t, conn, packet(1, msg(1), "7", msg(3)))
		hears(t, conn, ack(1))
		hears(t, conn, nack(2, "it is no object"))
		hears(t, conn, ack(3))
	})
	restarted(t, file, func(conn *websocket.Conn) {
		send(t, conn, packet(1, msg(1), "7", msg(3), msg(4)))
		for _, want := range []string{resume(1), ack(1), nack(2, "it is no object"), ack(4)} {
			hears(t, conn, want)
		}
	})
	if got := content(t, file); got != printed(1, 3, 4) {
		t.Fatalf("wrote\n%s", got)
	}
}

// Killed at many bytes of a write: journal first, then messages. What was there
// before stays, what was not whole is taken out and comes again.
func TestJournalAfterACrashInMidWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	restarted(t, file, func(conn *websocket.Conn) {
		send(t, conn, packet(1, msg(1)))
		hears(t, conn, ack(1))
	})
	before, marksBefore := content(t, file), content(t, file+".marks")
	restarted(t, file, func(conn *websocket.Conn) {
		send(t, conn, packet(2, msg(2), msg(3)))
		hears(t, conn, ack(3))
	})
	after, marksAfter := content(t, file), content(t, file+".marks")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	crash := func(out, marks string) {
		t.Helper()
		// In place: the journal knows the file by its inode.
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".marks", []byte(marks), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(file, os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, err := openMarks(file+".marks", f, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		through := m.get(row{"G", epoch}).Through
		if whole := len(out) == len(after); whole != (through == 3) || !whole && through != 1 {
			t.Fatalf("%d bytes of messages, %d of marks: through %d", len(out), len(marks), through)
		}
		if want := map[bool]string{true: after, false: before}[through == 3]; content(t, file) != want {
			t.Fatalf("%d bytes of messages: left\n%s", len(out), content(t, file))
		}
	}
	const step = 9 // each byte would be many syncs of the disk
	for n := len(marksBefore); n < len(marksAfter); n += step {
		crash(before, marksAfter[:n])
	}
	crash(before, marksAfter[:len(marksAfter)-1])
	for n := len(before); n < len(after); n += step {
		crash(after[:n], marksAfter)
	}
	crash(after[:len(after)-1], marksAfter)
	crash(after, marksAfter)
	if now, err := os.Stat(file); err != nil || !os.SameFile(info, now) {
		t.Fatal("the file was replaced: this test tested nothing")
	}
	if torn := content(t, file+".torn"); !strings.Contains(torn, msg(2)+"\n") {
		t.Fatalf("what was taken out is not kept: %q", torn)
	}
}

// Another file has taken the place of the one that the journal speaks of: it is
// not touched.
func TestJournalLeavesAnotherFileAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	restarted(t, file, func(conn *websocket.Conn) {
		send(t, conn, packet(1, msg(1)))
		hears(t, conn, ack(1))
		send(t, conn, packet(2, msg(2)))
		hears(t, conn, ack(2))
	})
	if err := os.Rename(file, filepath.Join(dir, "out.1")); err != nil {
		t.Fatal(err)
	}
	other := printed(7, 8, 9)[:len(printed(1))+20]
	if err := os.WriteFile(file, []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	restarted(t, file, func(conn *websocket.Conn) {
		send(t, conn, packet(3, msg(3)))
		hears(t, conn, resume(1)) // the second was acknowledged and is not here any more
		hears(t, conn, ack(3))
	})
	if got := content(t, file); got != other+"\n"+printed(3) {
		t.Fatalf("left %q", got)
	}
}

func TestJournalIsRewritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	out, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	s := &store{file: out, keys: newKeys(10)}
	if s.marks, err = openMarks(file+".marks", out, 0); err != nil {
		t.Fatal(err)
	}
	s.marks.journal.size = rewriteAt // as if
	for n := range uint64(3) {
		if err := s.writeMarked([]element{{raw: []byte(msg(1))}}, row{"G", epoch}, mark{Through: n + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.marks.close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(content(t, file+".marks"), "\n"); n != 3 {
		t.Fatalf("%d lines: rewritten to one, and two more", n)
	}
	again, err := openMarks(file+".marks", out, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if got := again.get(row{"G", epoch}).Through; got != 3 {
		t.Fatal(got)
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(packet(1042, msg(1), msg(2))))
	f.Add([]byte(packet(1, `7`, `[]`, `{"tsmId":1}`, `null`, `"x"`)))
	f.Add([]byte(`{"type":"batch","gw":"G","epoch":"` + epoch + `","first":18446744073709551615,"msgs":[{}]}`))
	f.Add([]byte(`{"type":"batch","msgs":[`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		b, err := readBatch(frame)
		if err != nil {
			return
		}
		r := &Receiver{store: &store{keys: newKeys(100), marks: newMarks(0)}}
		nacks, err := r.takeBatch(b, len(frame))
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(b.msgs)) != r.stats.Messages+int64(len(nacks)) {
			t.Fatalf("%d messages, %d taken, %d refused", len(b.msgs), r.stats.Messages, len(nacks))
		}
		again, err := r.takeBatch(b, len(frame))
		if err != nil || len(again) != min(len(nacks), maxRefused) || r.stats.Skipped < r.stats.Messages/2 {
			t.Fatalf("the second time: %v, %d and %d refused, %+v", err, len(nacks), len(again), r.stats)
		}
	})
}
