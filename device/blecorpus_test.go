package device

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"portti/device/thingsee/thingseetest"
)

// bleCorpus reads recordings of others that are not part of the project.
func bleCorpus(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../../shared/corpora/" + name)
	if err != nil {
		t.Skipf("no recordings of others: %v", err)
	}
	return b
}

// TestBLEBridgeDocumentedMessages holds what becomes of each message printed
// in OpenMQTTGateway's documentation: none of them is of a sensor with a known
// address, so nothing may come out, and none is bad input.
func TestBLEBridgeDocumentedMessages(t *testing.T) {
	in := bleCorpus(t, "bridges/omg_ble_messages.jsonl")
	c := bleConfig()
	for _, prefix := range []string{"", "00"} {
		n := 0
		for s := bufio.NewScanner(bytes.NewReader(in)); s.Scan(); n++ {
			out, _ := bleRun(t, c, []byte(prefix+s.Text()+"\r"), 99)
			if len(out.messages) != 0 || out.frames[Unknown] != 1 {
				t.Errorf("%s: %q, %v", s.Text(), out.messages, out.frames)
			}
		}
		if n == 0 {
			t.Error("no messages")
		}
	}
	// The same senders, named: how loud they are is all there is to say.
	own[BridgeOptions](&c).Tags = map[string]string{"45:e1:74:12:6e:00": "T1", "60:87:57:4C:9B:C2": "T2", "54:94:5E:9F:64:C4": "T3", "28:CD:C1:09:05:98": "T4"}
	out, _ := bleRun(t, c, in, 99)
	if len(out.messages) != 4 || out.ids[1202] != 4 || out.frames[OK] != 4 || out.frames[Unknown] != 1 {
		t.Errorf("named: %q, %v", out.messages, out.frames)
	}
	// And the one without address, as a sensor that has one.
	out, _ = bleRun(t, c, bytes.Replace(in, []byte(`{"hum"`), []byte(`{"origin":"/BTtoMQTT/4C65A8D0231E","hum"`), 1), 99)
	if want := `"tsmTuid":"XXXX03C65A8D0231E","tsmGw":"XXXX00GTW00000001","temp":19.2,"humd":52.6}`; !strings.Contains(strings.Join(out.messages, "\n"), want) {
		t.Errorf("decoded: %q", out.messages)
	}
}

// TestBLEBridgeDecodedByOthers plays what the Theengs decoder makes of real
// advertisements, as OpenMQTTGateway publishes it, and compares the values that
// have a place in our messages.
func TestBLEBridgeDecodedByOthers(t *testing.T) {
	var vectors []struct {
		Label    string
		Input    map[string]any
		Expected map[string]any
	}
	if err := json.Unmarshal(bleCorpus(t, "ble/theengs_vectors.json"), &vectors); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i, v := range vectors {
		if strings.Contains(fmt.Sprint(v.Input["servicedata"]), "YY") {
			continue // its address was blackened, so its data is no data
		}
		line := map[string]any{}
		for _, part := range []map[string]any{v.Input, v.Expected} {
			for name, value := range part {
				line[name] = value
			}
		}
		address := fmt.Sprintf("A4C138%06X", i)
		line["id"] = address
		delete(line, "mac")
		b, _ := json.Marshal(line)
		out, _ := bleRun(t, bleConfig(), append(b, '\n'), 99)
		got := map[string]float64{}
		for _, m := range out.messages {
			r, err := thingseetest.Parse([]byte(m))
			if err != nil || r.Tuid != "XXXX03"+address[1:] {
				t.Errorf("%s: %s, %v", v.Label, m, err)
			}
			for _, f := range r.Fields {
				var x float64
				_ = json.Unmarshal(f.JSON, &x)
				got[f.Name] = x
			}
		}
		for from, to := range map[string]string{"tempc": "temp", "hum": "humd", "pres": "airp", "lux": "lght", "batt": "batl", "volt": "voltage", "co2": "carbonDioxide"} {
			want, ok := v.Expected[from].(float64)
			if from == "pres" {
				want *= 100
			}
			if from == "hum" && want > 100 || !ok {
				continue
			}
			compared++
			// What we decode ourselves is exact, or rounded to two decimals; theirs is
			// sometimes cut off there.
			if x, ok := got[to]; !ok || x-want > 0.011 || want-x > 0.011 {
				t.Errorf("%s: %s is %v (%v), want %v", v.Label, to, x, ok, want)
			}
		}
	}
	t.Logf("%d values of %d advertisements compared", compared, len(vectors))
	if compared < 300 {
		t.Error("too few to mean anything")
	}
}
