package uplink

import (
	"strings"
	"testing"
)

func TestTopics(t *testing.T) {
	const rec = `{"tsmId":12100,"tsmEv":10,"tsmTuid":"TSEN01ABC","temp":21.5}`
	for _, c := range []struct{ engine, template, rec, want string }{
		{EngineMQTT, DefaultTopic(EngineMQTT), rec, "portti/GW1/TSEN01ABC/12100"},
		{EngineNATS, DefaultTopic(EngineNATS), rec, "portti.GW1.TSEN01ABC.12100"},
		{EngineMQTT, "cloudext/json/pr/fi/prfi00samplegroup/{tuid}/{tsmId}", rec, "cloudext/json/pr/fi/prfi00samplegroup/TSEN01ABC/12100"},
		{EngineMQTT, "$aws/rules/readings", rec, "$aws/rules/readings"},
		{EngineMQTT, "a/x{tuid}y", `{"tsmTuid":"a/b+c#d\u0000e.f\ud800"}`, "a/xa_b_c_d_e.f_y"},
		{EngineNATS, "a.{tuid}.b", `{"tsmTuid":"a.b*c>d e/f\t"}`, "a.a_b_c_d_e/f_.b"},
		{EngineMQTT, "{tuid}/{tsmId}", `{"tsmId":"x","tsmTuid":7}`, "_/_"},
		{EngineMQTT, "{tuid}/{tsmId}", `no JSON`, "_/_"},
		{EngineMQTT, "{tuid}", `{"tsmTuid":"` + strings.Repeat("x", 65) + `"}`, "_"},
	} {
		topic, err := parseTopic(c.engine, c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
		} else if got := topic.of("GW1", []byte(c.rec)); got != c.want {
			t.Errorf("%s of %s is %q, want %q", c.template, c.rec, got, c.want)
		}
	}
}

func TestTopicsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ engine, template string }{
		{EngineMQTT, ""}, {EngineMQTT, "a/+/b"}, {EngineMQTT, "a/#"}, {EngineMQTT, "a/{who}"}, {EngineMQTT, "a/{tuid"}, {EngineMQTT, "a}/b"},
		{EngineMQTT, strings.Repeat("x", 257)}, {EngineMQTT, "a\xff"}, {EngineMQTT, "a\x00"},
		{EngineNATS, "a..b"}, {EngineNATS, ".a"}, {EngineNATS, "a."}, {EngineNATS, "a.*"}, {EngineNATS, "a.>"}, {EngineNATS, "a b"},
	} {
		if err := CheckTopic(c.engine, c.template); err == nil {
			t.Errorf("%s %q is taken", c.engine, c.template)
		}
	}
}
