package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"portti/cmd/portti/config"
	"portti/device/thingsee"
)

// The results of a 1402.
const (
	resultOK          = 0
	resultFailed      = -1
	resultUnsupported = -2
)

// own carries out a request to the gateway itself; known = false: it is none
// that a gateway knows.
func (d *downlink) own(ctx context.Context, c *thingsee.Command) (o outcome, known bool) {
	switch {
	case c.Event == thingsee.EventCommandAsked && c.ID == thingsee.RemoteCommand:
		return d.command(ctx, c), true
	case c.Event == thingsee.EventConfigAsked && (c.ID == thingsee.IntervalConfig || c.ID == thingsee.HeartbeatConfig):
		return d.configure(c), true
	case c.Event == thingsee.EventInfoAsked && (c.ID == thingsee.HeaderOnly || c.ID == thingsee.InfoRequest || c.ID == thingsee.HeartbeatRequest):
		return d.inform(c), true
	case c.Event == thingsee.EventDiagnosticsAsked && (c.ID == thingsee.HeaderOnly || c.ID == thingsee.EnableDiagnostics):
		return d.diagnose(c), true
	}
	return outcome{}, false
}

// reply is the answer to a 1402.
func (d *downlink) reply(c *thingsee.Command, result int64, payload string) []*thingsee.Message {
	m := begin(c, thingsee.RemoteCommand, thingsee.EventCommand)
	m.Int("result", result)
	if payload != "" {
		m.Text("payload", []byte(payload))
	}
	return []*thingsee.Message{m}
}

// begin makes an answer with the transactionId of its request.
func begin(c *thingsee.Command, id, event int) *thingsee.Message {
	m := new(thingsee.Message)
	m.Reset(id, event)
	track(m, c)
	return m
}

func track(m *thingsee.Message, c *thingsee.Command) {
	if c.Tracked {
		m.Int("transactionId", int64(c.Transaction))
	}
}

// command is a 1402: a name and perhaps an argument. Names are taken in the
// form of CommandNames and in the one that Haltian prints, REBOOT.
func (d *downlink) command(ctx context.Context, c *thingsee.Command) (o outcome) {
	word, err := c.Text("command", 40)
	name, argument := strings.ReplaceAll(strings.ToLower(word), "_", "-"), ""
	if err == nil && c.Has("payload") {
		argument, err = c.Text("payload", 200)
	}
	action, listed := d.commands()[name]
	switch {
	case err != nil:
		o = outcome{what: "unknown", refused: err.Error()}
	case !listed:
		o = outcome{what: "unknown", refused: "there is no such command"}
		o.answers = d.reply(c, resultUnsupported, "")
		return o
	case !d.accepts(name):
		o = outcome{what: name, refused: "accept_commands does not name it"}
		o.answers = d.reply(c, resultUnsupported, "not allowed on this gateway")
		return o
	case !c.Tracked:
		o = outcome{what: name, refused: "transactionId: missing"}
	case argument != "" && !action.argument:
		o = outcome{what: name, refused: "it takes no payload"}
	default:
		text, err := action.do(ctx, c, argument)
		if err == nil {
			return outcome{what: name, result: text, answers: d.reply(c, resultOK, text)}
		}
		o = outcome{what: name, refused: err.Error()}
	}
	o.answers = d.reply(c, resultFailed, o.refused)
	return o
}

// configure is a 1500 or a 11210: how often the gateway tells of itself. The
// answer has the values that hold; what cannot be is answered with them
// unchanged.
func (d *downlink) configure(c *thingsee.Command) outcome {
	o := outcome{what: config.CmdReportInterval}
	if !d.accepts(config.CmdReportInterval) {
		o.refused = "accept_commands does not name it"
		return o
	}
	unit := time.Second
	if c.ID == thingsee.HeartbeatConfig {
		unit = time.Minute
	}
	switch n, err := c.Number("reportInterval", minAskedReport.Seconds()/unit.Seconds(), config.MaxReport.Seconds()/unit.Seconds()); {
	case errors.Is(err, thingsee.ErrNoField) && len(c.Fields) == 0:
	case errors.Is(err, thingsee.ErrNoField):
		o.refused = "of these values only reportInterval can be set"
	case err != nil:
		o.refused = err.Error()
	case !c.Tracked:
		o.refused = "transactionId: missing"
	default:
		d.actions.setReport(time.Duration(n * float64(unit)).Round(time.Second))
	}
	every, slot := d.actions.reportEvery()
	o.result = config.Duration(every).String()
	m := begin(c, c.ID, thingsee.EventConfig)
	if c.ID == thingsee.HeartbeatConfig {
		m.Float("heartbeatInterval", 2*slot.Minutes(), 3)
		m.Float("reportInterval", every.Minutes(), 3)
		m.Bool("instantMode", every > 0)
	} else {
		seconds(m, "reportInterval", every)
	}
	o.answers = []*thingsee.Message{m}
	return o
}

// inform answers a question for information.
func (d *downlink) inform(c *thingsee.Command) outcome {
	o := outcome{what: config.CmdStatus}
	if !d.accepts(config.CmdStatus) {
		o.refused = "accept_commands does not name it"
		return o
	}
	wanted := float64(thingsee.SystemInfo)
	if c.ID == thingsee.HeartbeatRequest {
		wanted = thingsee.HeartbeatSummary
	} else if c.ID == thingsee.InfoRequest {
		var err error
		if wanted, err = c.Number("requestTsmId", 0, thingsee.MaxTransaction); err != nil {
			o.refused = err.Error()
			return o
		}
	}
	m := new(thingsee.Message)
	if !d.actions.fill(m, int(wanted), thingsee.EventInfo) {
		m.Reset(thingsee.InfoUnavailable, thingsee.EventInfo)
		m.Int("requestTsmId", int64(wanted))
	}
	track(m, c)
	o.result = fmt.Sprint(m.ID)
	o.answers = []*thingsee.Message{m}
	return o
}

// diagnose answers a 1000 with what is the matter. The gateway reports of
// itself anyway, so that a 1401, which begins reports, is answered with an
// error.
func (d *downlink) diagnose(c *thingsee.Command) outcome {
	o := outcome{what: config.CmdStatus}
	switch {
	case !d.accepts(config.CmdStatus):
		o.refused = "accept_commands does not name it"
		return o
	case c.ID == thingsee.EnableDiagnostics:
		o.refused = "diagnostics are not switched on and off"
		m := begin(c, thingsee.ErrorInfo, thingsee.EventErrorDiagnostics)
		m.Text("errorType", []byte("unsupported"))
		m.Text("errorCause", []byte("ask with tsmId 1000, tsmEv 27; health comes by itself"))
		o.answers = []*thingsee.Message{m}
		return o
	}
	m := begin(c, thingsee.DiagnosticsInfo, thingsee.EventDiagnostics)
	m.Int("diagGroup", 3) // gateway
	m.Text("diagType", []byte("status"))
	m.Text("diagData", []byte(d.actions.summary()))
	o.answers, o.result = []*thingsee.Message{m}, "told"
	return o
}

// forDevice hands a request to the driver of the device that it names.
func (d *downlink) forDevice(ctx context.Context, c *thingsee.Command) outcome {
	o := outcome{what: config.CmdDevice}
	if !d.accepts(config.CmdDevice) {
		o.refused = "accept_commands does not name it"
		return o
	}
	limited, cancel := context.WithTimeout(ctx, deviceLimit)
	defer cancel()
	m, err := d.devices.Command(limited, *c)
	if err != nil {
		o.refused = err.Error()
		return o
	}
	track(m, c)
	o.answers, o.result = []*thingsee.Message{m}, "done"
	return o
}
