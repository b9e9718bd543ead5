package uplink

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// natsPeer is a nats-server with one stream that takes every subject.
type natsPeer struct {
	info    string                                       // more of INFO, a comma before it
	login   func(connect map[string]any) (refuse string) // nil: anybody
	publish func(p natsPub) (answer string)              // to one record; nil: it is stored
	after   func(w *wire)                                // once who comes is known
}

// natsPub is a publish as it came.
type natsPub struct {
	subject, reply, id string
	payload            []byte
}

const natsStored = `{"stream":"READINGS","seq":7}`

func natsFailed(code, errCode int, text string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"err_code":%d,"description":%q},"stream":"READINGS","seq":0}`, code, errCode, text)
}

func natsSay(w *wire, text string) error { return w.send(fin|2, []byte(text)) }

func natsMessage(subject, sid, payload string) string {
	return fmt.Sprintf("MSG %s %s %d\r\n%s\r\n", subject, sid, len(payload), payload)
}

// open is the part of the server up to the first ping; false: the connection is over.
func (p natsPeer) open(w *wire) bool {
	if w.accept() != nil || natsSay(w, `INFO {"server_id":"X","version":"2.9.10","headers":true,"max_payload":1048576,"nonce":"n0nce"`+p.info+"}\r\n") != nil {
		return false
	}
	f, err := w.read()
	if err != nil {
		return false
	}
	line, rest, _ := strings.Cut(string(f.data), "\r\n")
	var connect map[string]any
	if json.Unmarshal([]byte(strings.TrimPrefix(line, "CONNECT ")), &connect) != nil || connect["headers"] != true || connect["no_responders"] != true ||
		!strings.HasPrefix(rest, "SUB _INBOX.") || !strings.HasSuffix(rest, "PING\r\n") {
		_ = natsSay(w, "-ERR 'Unknown Protocol Operation'\r\n")
		return false
	}
	if p.login != nil {
		if refuse := p.login(connect); refuse != "" {
			_ = natsSay(w, "-ERR '"+refuse+"'\r\n")
			return false
		}
	}
	if natsSay(w, "PONG\r\n") != nil {
		return false
	}
	if p.after != nil {
		p.after(w)
	}
	return true
}

// serve asks judge about each message of the WebSocket, which is a frame of the link.
func (p natsPeer) serve(w *wire, judge func(text []byte) verdict) {
	if !p.open(w) {
		return
	}
	var part []byte // of a message that comes in several pieces
	for {
		f, err := w.read()
		if err == nil && f.op < opClose {
			part = append(part, f.data...)
			if !f.fin {
				continue
			}
			f.data, part = part, nil
		}
		switch {
		case err != nil:
			return
		case f.op == opClose:
			_ = w.send(fin|opClose, f.data)
			return
		case f.op == opPing:
			_ = w.send(fin|opPong, f.data)
			continue
		case string(f.data) == "PING\r\n":
			_ = natsSay(w, "PONG\r\n")
			continue
		case string(f.data) == "PONG\r\n":
			continue
		}
		pubs := natsPubs(f.data)
		var all []byte
		for _, pub := range pubs {
			all = append(all, pub.payload...)
		}
		v := judge(all)
		if v == refusesContent && len(pubs) > 1 { // not all of them
			for _, pub := range pubs {
				if p.answer(w, judge(pub.payload), []natsPub{pub}) != nil {
					return
				}
			}
		} else if p.answer(w, v, pubs) != nil {
			return
		}
	}
}

func (p natsPeer) answer(w *wire, v verdict, pubs []natsPub) error {
	text := ""
	for _, pub := range pubs {
		say := natsStored
		switch {
		case v == refusesContent:
			say = natsFailed(400, 10054, "message size exceeds maximum allowed")
		case v == fails:
			say = natsFailed(500, 10051, "general error")
		case p.publish != nil:
			say = p.publish(pub)
		}
		if strings.HasPrefix(say, "NATS/1.0") {
			text += fmt.Sprintf("HMSG %s 1 %d %d\r\n%s\r\n", pub.reply, len(say), len(say), say)
		} else {
			text += natsMessage(pub.reply, "1", say)
		}
	}
	switch v {
	case takes, refusesContent:
		return natsSay(w, text)
	case fails: // a real one goes on, and what follows is stored before what failed
		_ = natsSay(w, text)
	case hangs:
		_, _ = io.Copy(io.Discard, w.conn)
	case tooBig:
		_ = natsSay(w, "-ERR 'Maximum Payload Violation'\r\n")
	case wantsLogin:
		_ = natsSay(w, "-ERR 'User Authentication Expired'\r\n")
	case slowDown:
		_ = natsSay(w, "-ERR 'Slow Consumer'\r\n")
	}
	return io.EOF
}

// natsPubs takes the publishes of a message apart, as nats-server would.
func natsPubs(data []byte) (all []natsPub) {
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\r\n"))
		var p natsPub
		head, total := 0, 0
		if _, err := fmt.Sscanf(string(line), "HPUB %s %s %d %d", &p.subject, &p.reply, &head, &total); err != nil {
			if _, err = fmt.Sscanf(string(line), "PUB %s %s %d", &p.subject, &p.reply, &total); err != nil {
				panic(fmt.Sprintf("no publish: %.80q", line))
			}
		}
		p.id = strings.TrimSpace(strings.TrimPrefix(string(rest[:head]), "NATS/1.0\r\nNats-Msg-Id: "))
		if p.payload = rest[head:total]; string(rest[total:total+2]) != "\r\n" {
			panic(fmt.Sprintf("%.80q does not end where it says", line))
		}
		all, data = append(all, p), rest[total+2:]
	}
	return all
}
