package uplink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// maxNATSLine is the longest line of a server: INFO in a cluster of hundreds, others are short.
const maxNATSLine = 8 << 10

// natsReader takes what the server says apart.
type natsReader struct {
	conn *websocket.Conn
	in   *bufio.Reader
	most int64 // bytes of a message that are kept
	body []byte
}

// natsOp is one thing that a server says.
type natsOp struct {
	verb    string // INFO, MSG, HMSG, PING, PONG, +OK or -ERR
	rest    string // of the line
	subject string // of a message
	sid     string
	status  string // in its headers
	body    []byte // good until the next one
	long    bool   // it was passed over
}

func newNATSReader(conn *websocket.Conn, most int64) natsReader {
	return natsReader{conn: conn, most: most, in: bufio.NewReaderSize(&byteStream{conn: conn}, maxNATSLine)}
}

// noNATS is the end of a connection to what says something else.
func noNATS(format string, args ...any) error {
	return found{finding{endPolicy: policyFor(endFailure, int(failNoNATS)), detail: fmt.Sprintf(format, args...)}}
}

// next waits for the next thing that the server says. Once begun it must come to its end.
func (p *natsReader) next() (op natsOp, err error) {
	if p.in.Buffered() == 0 {
		if _, err := p.in.Peek(1); err != nil {
			return op, err
		}
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(messageLimit))
	op, err = p.parse()
	_ = p.conn.SetReadDeadline(time.Time{})
	switch {
	case isTimeout(err):
		return op, errSlow
	case err != nil && !errors.As(err, &found{}):
		return op, midMessage{err}
	}
	return op, err
}

func (p *natsReader) parse() (op natsOp, err error) {
	line, err := p.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return op, noNATS("a line of more than %d bytes", maxNATSLine)
	} else if err != nil {
		return op, err
	}
	op.verb, op.rest, _ = strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
	switch op.verb = strings.ToUpper(op.verb); op.verb {
	case "INFO", "PING", "PONG", "+OK", "-ERR":
		return op, nil
	case "MSG", "HMSG":
		return p.message(op)
	}
	return op, noNATS("it says %.40q", line)
}

// message takes what follows the line of a message: MSG subject sid [reply] bytes, and
// with headers HMSG subject sid [reply] bytes-of-them bytes.
func (p *natsReader) message(op natsOp) (natsOp, error) {
	bad := noNATS("it says %.80q", op.verb+" "+op.rest)
	words, sizes := strings.Fields(op.rest), 1
	if op.verb == "HMSG" {
		sizes = 2
	}
	if len(words) != 2+sizes && len(words) != 3+sizes {
		return op, bad
	}
	op.subject, op.sid = words[0], words[1]
	total, err := strconv.ParseUint(words[len(words)-1], 10, 31)
	head := uint64(0)
	if sizes == 2 && err == nil {
		head, err = strconv.ParseUint(words[len(words)-2], 10, 31)
	}
	switch {
	case err != nil || head > total:
		return op, bad
	case total > max(uint64(p.most), maxSkipped):
		return op, websocket.ErrReadLimit
	case total > uint64(p.most):
		op.long = true
		_, err = p.in.Discard(int(total))
	default:
		if uint64(cap(p.body)) < total {
			p.body = make([]byte, total)
		}
		op.body = p.body[:total]
		if _, err = io.ReadFull(p.in, op.body); err == nil && head > 0 {
			var first []byte
			if first, _, _ = bytes.Cut(op.body[:head], []byte("\r\n")); !bytes.HasPrefix(first, []byte("NATS/1.0")) {
				return op, noNATS("headers that begin with %.20q", first)
			}
			op.status, op.body = string(bytes.TrimSpace(first[len("NATS/1.0"):])), op.body[head:]
		}
	}
	var end [2]byte
	if err == nil {
		_, err = io.ReadFull(p.in, end[:])
	}
	if err == nil && string(end[:]) != "\r\n" {
		return op, noNATS("a message that is longer than it says")
	}
	return op, err
}

func (n *natsSocket) read(r *reader) error {
	n.begin(r)
	for {
		op, err := n.in.next()
		if errors.Is(err, websocket.ErrReadLimit) {
			r.tooLong()
		}
		if err == nil {
			err = n.heard(op)
		}
		if err = n.why(err); err != nil {
			return err
		}
	}
}

// heard does what the server's word asks for.
func (n *natsSocket) heard(op natsOp) error {
	r := n.r
	switch {
	case op.verb == "PING":
		if !r.controls.allow(1, maxControls) {
			return errFlood
		}
		return n.pong()
	case op.verb == "PONG":
		return n.answeredPing()
	case op.verb == "-ERR":
		return natsRefusal(op.rest)
	case op.verb == "INFO":
		var info struct {
			LameDuck bool `json:"ldm"`
		}
		if parse([]byte(op.rest), &info) && info.LameDuck {
			return found{finding{endPolicy: policyFor(endClose, websocket.CloseServiceRestart), detail: "it is in lame duck mode"}}
		}
	case op.sid == natsAcks:
		return n.answered(op)
	case op.long:
		r.tooLong()
		r.skip("messages of the server are passed over: they are longer than max_message in [uplink]")
	case op.sid == natsDownlink:
		return r.message(op.body)
	}
	return nil
}

// answered takes JetStream's answer to a publish.
func (n *natsSocket) answered(op natsOp) error {
	serial, err := strconv.ParseUint(strings.TrimPrefix(op.subject, n.inbox), 10, 64)
	n.mu.Lock()
	_, known := n.out[serial]
	n.mu.Unlock()
	if err != nil || !known {
		return n.foreign()
	}
	var ack struct {
		Stream    string `json:"stream"`
		Duplicate bool   `json:"duplicate"`
		Error     *struct {
			Code        int    `json:"code"`
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	switch {
	case op.status == "503":
		return found{finding{endPolicy: policyFor(endFailure, int(failNoStream)), detail: strings.ReplaceAll(n.o.Topic, "{gw}", n.o.Gateway)}}
	case op.status != "" || !parse(op.body, &ack) || ack.Stream == "" && ack.Error == nil:
		return found{finding{endPolicy: policyFor(endFailure, int(failStream)), detail: "what answers at this subject is no stream"}}
	case ack.Error == nil:
		if ack.Duplicate {
			n.r.inbox.board.serverMessage(kindDuplicate)
		}
		return n.answer(serial, "")
	}
	e := ack.Error
	words := fmt.Sprintf("%s (%d)", e.Description, e.ErrCode)
	switch {
	case e.ErrCode == 10054 || e.ErrCode == 10097: // JSStreamMessageExceedsMaximumErr, JSStreamHeaderExceedsMaximumErr
		return n.answer(serial, words)
	case e.Code == 500:
		return found{finding{endPolicy: policyFor(endClose, websocket.CloseInternalServerErr), detail: words}}
	case e.Code == 429:
		return found{finding{endPolicy: policyFor(endClose, 4429), detail: words}}
	}
	return found{finding{endPolicy: policyFor(endFailure, int(failStream)), detail: words}}
}

// kindDuplicate counts what a stream had already.
const kindDuplicate = "duplicate"

// answer takes note of the answer to a publish, see settle.
func (n *natsSocket) answer(serial uint64, refusal string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, waits := n.out[serial]
	if !waits {
		return nil
	}
	delete(n.out, serial)
	return n.settle(p.frame, p.n, refusal)
}

// natsRefusal is what an error of the server means, by its words: NATS has no numbers.
func natsRefusal(text string) error {
	text = strings.Trim(text, " '")
	low := strings.ToLower(text)
	code := 0
	for _, e := range []struct {
		words string
		code  int
	}{
		{"authorization violation", 4401}, {"authentication expired", 4401}, {"authentication revoked", 4401}, {"authentication timeout", 4002},
		{"connections exceeded", 4003}, {"permissions violation", 4403}, {"subscriptions exceeded", 4403}, {"account registration", 4403},
		{"payload violation", websocket.CloseMessageTooBig}, {"shutdown", websocket.CloseServiceRestart}, {"slow consumer", websocket.CloseTryAgainLater},
	} {
		if strings.Contains(low, e.words) {
			code = e.code
			break
		}
	}
	return found{finding{endPolicy: policyFor(endClose, code), detail: text}}
}
