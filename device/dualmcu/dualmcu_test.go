package dualmcu

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestCRC(t *testing.T) {
	if got := crc(0xFFFF, []byte("123456789")); got != 0x29B1 {
		t.Errorf("the check value is %04X, want 29B1", got)
	}
}

// found lists what a scanner finds in b, read in pieces of the given size.
func found(b []byte, piece int) (list []string) {
	var s Scanner
	for chunk := range slices.Chunk(b, piece) {
		for len(chunk) > 0 {
			n, ev := s.Scan(chunk)
			chunk = chunk[n:]
			switch f := s.Frame(); ev {
			case More:
			case Good:
				list = append(list, fmt.Sprintf("%02x %02x %x", f.Primitive, f.ID, f.Payload))
			default:
				list = append(list, [...]string{Refused: "refused", BadSum: "bad sum", BadForm: "bad form", Long: "long", Noise: "noise"}[ev])
			}
		}
	}
	return list
}

// TestRecordedSession holds the session that Wirepas' own library had with a sink: each
// frame is read from its bytes and written as they were, in both directions.
func TestRecordedSession(t *testing.T) {
	const path = "../../../shared/corpora/wirepas/dualmcu_frames.json"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no recorded session: %v", err)
	}
	var session struct {
		Frames []struct{ Dir, Wire, Frame string }
	}
	if err := json.Unmarshal(b, &session); err != nil {
		t.Fatal(err)
	}
	var all []byte
	var want []string
	for _, v := range session.Frames {
		wire, frame := unhex(v.Wire), unhex(v.Frame)
		f := Frame{frame[0], frame[1], frame[3:]}
		all, want = append(all, wire...), append(want, fmt.Sprintf("%02x %02x %x", f.Primitive, f.ID, f.Payload))
		if got := found(wire, 1000); !slices.Equal(got, want[len(want)-1:]) {
			t.Errorf("%s: read as %q", v.Wire, got)
		}
		wrote := f.AppendSink(nil)
		if v.Dir == "host_to_sink" {
			wrote = f.Append(nil)
		}
		if !bytes.Equal(wrote, wire) {
			t.Errorf("written as %x, recorded as %x", wrote, wire)
		}
	}
	if len(want) < 23 {
		t.Errorf("only %d frames", len(want))
	}
	for _, piece := range []int{1, 7, 1000} {
		if got := found(all, piece); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: %q", piece, got)
		}
	}
}

func TestRequestsAsRecorded(t *testing.T) {
	buf := func() []byte { return make([]byte, 2) }
	for name, c := range map[string]struct {
		f    Frame
		want string
	}{
		"MTU":           {ReadAttribute(CSAPRead, 0, CSAPMTU, buf()), "c0c0c00e00020500314fc0"},
		"stack status":  {ReadAttribute(MSAPRead, 2, MSAPStackStatus, buf()), "c0c0c00c020201001e2ac0"},
		"poll":          {Frame{Primitive: Poll, ID: 3}, "c0c0c00403000f45c0"},
		"send the next": {Frame{Primitive: DataRX, ID: 7}.Response(true, buf()), "c0c0c083070101a464c0"},
		"stop here":     {Frame{Primitive: DataRX, ID: 10}.Response(false, buf()), "c0c0c0830a0100d436c0"},
	} {
		if got := hex.EncodeToString(c.f.Append(nil)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestScanner(t *testing.T) {
	const frame, frame2 = "8403010149e9", "84040100f87c"
	for _, c := range []struct{ name, wire, want string }{
		{"one", "c0" + frame + "c0", "84 03 01"},
		{"two with one END between", "c0" + frame + "c0" + frame2 + "c0", "84 03 01, 84 04 00"},
		{"no end yet", "c0" + frame, ""},
		{"half a frame at the opening", "010149e9c0 c0" + frame + "c0", "noise, 84 03 01"},
		{"half an escape at the opening", "dbc0 c0" + frame + "c0", "noise, 84 03 01"},
		{"a wrong byte", "c0" + "8403010049e9" + "c0", "bad sum"},
		{"refused by the sink", "c0" + "84030101ffff" + "c0", "refused"},
		{"another length than it says", "c0" + "8403020149e9" + "c0", "bad form"},
		{"too short", "c08403c0" + frame + "c0", "bad form, 84 03 01"},
		{"nothing but ENDs", "c0c0c0c0", ""},
		{"a wrong escape", "c08403db01c0" + frame + "c0", "bad form, 84 03 01"},
		{"an escape cut off", "c08403dbc0" + frame + "c0", "bad form, 84 03 01"},
		{"the END between two lost", "c0" + frame + frame2 + "c0 c0" + frame + "c0", "bad form, 84 03 01"},
		{"no end at all", "c0" + strings.Repeat("01", 300) + "c0" + frame + "c0", "long, 84 03 01"},
		{"noise without end", strings.Repeat("01", 3000) + "c0" + frame + "c0", "noise, 84 03 01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1, 4, 4000} {
				if got := strings.Join(found(unhex(c.wire), piece), ", "); got != c.want {
					t.Errorf("in pieces of %d: got %q, want %q", piece, got, c.want)
				}
			}
		})
	}
}

func TestLongestFrame(t *testing.T) {
	f := Frame{0xC0, 0xDB, bytes.Repeat([]byte{0xC0}, 255)}
	wire := f.Append(nil)
	if got := found(wire, 100); len(wire) > MaxWire || len(got) != 1 || got[0] != "c0 db "+strings.Repeat("c0", 255) {
		t.Errorf("%d bytes, at most %d are said; read as %q", len(wire), MaxWire, got)
	}
	f.Payload = append(f.Payload, 1)
	if got := f.Append(nil); !bytes.Equal(got, wire) {
		t.Error("a payload that is too long is not cut")
	}
}

func TestAttribute(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{"00 0500 01 66", "5 0 66 true"},
		{"00 0100 04 ef cd ab 00", "1 0 efcdab00 true"},
		{"04 0100", "1 4  true"},
		{"04 0100 00", "1 4  true"},
		{"00 0500", "0 0  false"},
		{"00 0500 02 66", "0 0  false"},
		{"00 05", "0 0  false"},
		{"", "0 0  false"},
	} {
		a, r, v, ok := Frame{Payload: unhex(c.payload)}.Attribute()
		if got := fmt.Sprintf("%d %d %x %v", a, r, v, ok); got != c.want {
			t.Errorf("%s: got %s, want %s", c.payload, got, c.want)
		}
	}
}

func TestStatus(t *testing.T) {
	for s, want := range map[Status]string{0: "running true", Stopped: "stopped false", Stopped | NoNetwork: "stopped: no network address is set false",
		NoAddress: "stopped: no node address is set false", NoChannel: "stopped: no network channel is set false", NoRole: "stopped: no role is set false", NoConfig: "running true"} {
		if got := fmt.Sprint(s, " ", s.Runs()); got != want {
			t.Errorf("%02x: got %s, want %s", byte(s), got, want)
		}
	}
}

func TestParseData(t *testing.T) {
	plain := Frame{DataRX, 7, unhex("03 efcdab00 01 78563412 ed 0d 80000000 02 c0db")}
	d, ok := ParseData(plain)
	if got := fmt.Sprintf("%+v", d); !ok || got != "{Source:11259375 Destination:305419896 SourceEnd:1 DestEnd:237 Urgent:true Hops:3 Travel:128 Fragment:false Last:false Packet:0 Offset:0 APDU:[192 219]}" {
		t.Errorf("got %s, %v", got, ok)
	}
	piece := Frame{DataRXFragment, 7, unhex("03 efcdab00 01 78563412 ed 0c 80000000 34f2 6480 02 c0db")}
	d, ok = ParseData(piece)
	if !ok || !d.Fragment || !d.Last || d.Packet != 0x234 || d.Offset != 100 || !bytes.Equal(d.APDU, []byte{0xC0, 0xDB}) {
		t.Errorf("a fragment is read as %+v, %v", d, ok)
	}
	for _, f := range []Frame{plain, piece} {
		for n := range f.Payload {
			if _, ok := ParseData(Frame{f.Primitive, 7, f.Payload[:n]}); ok {
				t.Errorf("%d bytes of %02x are taken", n, f.Primitive)
			}
		}
		if _, ok := ParseData(Frame{f.Primitive, 7, append(bytes.Clone(f.Payload), 0)}); ok {
			t.Errorf("a byte too many is taken in %02x", f.Primitive)
		}
	}
	if _, ok := ParseData(Frame{Poll, 7, plain.Payload}); ok {
		t.Error("another primitive is taken")
	}
	beyond := bytes.Clone(piece.Payload)
	beyond[18], beyond[19] = 0xDC, 0x05 // 1500
	if _, ok := ParseData(Frame{DataRXFragment, 7, beyond}); ok {
		t.Error("a fragment beyond 1500 bytes is taken")
	}
}

// cut makes fragments of n bytes.
func cut(source uint32, packet uint16, apdu []byte, n int) (list []Data) {
	for at := 0; at < len(apdu); at += n {
		until := min(at+n, len(apdu))
		list = append(list, Data{Source: source, Packet: packet, Fragment: true, Offset: uint16(at), Last: until == len(apdu), APDU: apdu[at:until], Travel: 128})
	}
	return list
}

func text(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*7 + seed
	}
	return b
}

func TestPackets(t *testing.T) {
	apdu := text(MaxPacket, 1)
	forward := cut(1, 5, apdu, 81)
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	doubled := slices.Concat(forward[:3], forward[:7], forward[2:])
	for name, list := range map[string][]Data{"in order": forward, "backward": backward, "repeatedly": doubled} {
		t.Run(name, func(t *testing.T) {
			var p Packets
			for i, d := range list {
				whole, ok := p.Add(d, int64(i)*100)
				if ok != (i == len(list)-1) {
					t.Fatalf("whole after %d of %d is %v", i+1, len(list), ok)
				}
				// The first was under way for a second when it came.
				if ok && (!bytes.Equal(whole.APDU, apdu) || whole.TravelMS() < 1000+int64(i-1)*100 || whole.TravelMS() > 1000+int64(i)*100 || whole.Fragment) {
					t.Errorf("got %d bytes, travel %d ms", len(whole.APDU), whole.TravelMS())
				}
			}
			if n := p.Lost(); n != 0 {
				t.Errorf("%d lost", n)
			}
		})
	}
}

// TestPacketsAreBounded: what stays incomplete makes room, and is told once.
func TestPacketsAreBounded(t *testing.T) {
	var p Packets
	for i := range uint32(100) {
		if _, ok := p.Add(cut(i, 1, text(200, 3), 100)[0], int64(i)); ok {
			t.Fatal("whole with half of it")
		}
	}
	if n := p.Lost(); n != 100-packetsAtOnce || p.Lost() != 0 {
		t.Errorf("%d lost", n)
	}
	if whole, ok := p.Add(cut(99, 1, text(200, 3), 100)[1], 100); !ok || !bytes.Equal(whole.APDU, text(200, 3)) {
		t.Error("the latest is not kept")
	}
	p.Expire(100 + packetLife)
	if n := p.Lost(); n != packetsAtOnce-1 {
		t.Errorf("%d are given up in time, want %d", n, packetsAtOnce-1)
	}
}

// TestPacketNumbersComeAgain: what contradicts what has come is of another packet.
func TestPacketNumbersComeAgain(t *testing.T) {
	old, fresh := cut(1, 5, text(300, 1), 100), cut(1, 5, text(250, 9), 100)
	for name, list := range map[string][]Data{"other bytes": {old[0], fresh[0], fresh[1], fresh[2]}, "beyond the end": {fresh[2], old[2], old[1], old[0]}, "another end": {old[2], fresh[2], fresh[1], fresh[0]}} {
		t.Run(name, func(t *testing.T) {
			var p Packets
			for i, d := range list {
				whole, ok := p.Add(d, 0)
				if ok != (i == 3) || ok && !bytes.Equal(whole.APDU, text(300, 1)) && !bytes.Equal(whole.APDU, text(250, 9)) {
					t.Fatalf("%d: %v %x", i, ok, whole.APDU)
				}
			}
			if n := p.Lost(); n != 1 {
				t.Errorf("%d lost, want 1", n)
			}
		})
	}
}

func TestNoAllocations(t *testing.T) {
	apdu := text(1000, 0)
	var wire []byte
	for i, d := range cut(7, 9, apdu, 100) {
		p := append([]byte{1, byte(d.Source), 0, 0, 0, 21, 0, 0, 0, 0, 21, 4, 1, 0, 0, 0, byte(d.Packet), 0, byte(d.Offset), byte(d.Offset >> 8), byte(len(d.APDU))}, d.APDU...)
		if d.Last {
			p[19] |= 0x80
		}
		wire = Frame{DataRXFragment, byte(i), p}.AppendSink(wire)
	}
	var s Scanner
	var packets Packets
	out := make([]byte, 0, MaxWire)
	wholes := 0
	if n := testing.AllocsPerRun(100, func() {
		for in := wire; len(in) > 0; {
			n, ev := s.Scan(in)
			in = in[n:]
			if ev != Good {
				continue
			}
			var buf [1]byte
			f := s.Frame()
			out = f.Response(f.Pending() > 0, buf[:]).Append(out[:0])
			d, _ := ParseData(f)
			if _, ok := packets.Add(d, 0); ok {
				wholes++
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for ten frames, want 0", n)
	}
	if wholes != 101 {
		t.Errorf("%d packets", wholes)
	}
}

func BenchmarkScan(b *testing.B) {
	wire := Frame{DataRX, 7, append(unhex("03 efcdab00 01 78563412 ed 0d 80000000 66"), text(102, 0)...)}.AppendSink(nil)
	var s Scanner
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		for in := wire; len(in) > 0; {
			n, _ := s.Scan(in)
			in = in[n:]
		}
	}
}

// FuzzScanner: what is found is the same in pieces of any size, and a frame that was
// found is read again from what Append makes of it.
func FuzzScanner(f *testing.F) {
	f.Add(unhex("c0c0c00e00020500314fc0c08e00050005000166bb92c0"), byte(3))
	f.Add(unhex("c003071703efcdab000178563412ed0c8000000006dbdcdbdd01dbdcdcddf3c1c0"), byte(1))
	f.Add(unhex("0102c084030101ffffc0c0db01c0dbc0"), byte(2))
	f.Fuzz(func(t *testing.T, in []byte, piece byte) {
		whole := found(in, 1<<20)
		if got := found(in, max(1, int(piece))); !slices.Equal(got, whole) {
			t.Fatalf("in pieces of %d: %q, at once: %q", piece, got, whole)
		}
		var s Scanner
		for b := in; len(b) > 0; {
			n, ev := s.Scan(b)
			b = b[n:]
			if ev != Good {
				continue
			}
			g := s.Frame()
			ParseData(g)
			g.Attribute()
			if again := found(g.Append(nil), 1000); len(again) != 1 || again[0] != fmt.Sprintf("%02x %02x %x", g.Primitive, g.ID, g.Payload) {
				t.Fatalf("%+v is written and read as %q", g, again)
			}
		}
		if _, share := Recognise(in); share < 0 || share > 1 {
			t.Fatalf("a share of %v", share)
		}
	})
}

// FuzzPackets: whatever fragments come, a whole packet has the bytes that they had.
func FuzzPackets(f *testing.F) {
	f.Add([]byte{0, 0, 4, 1, 0, 4, 5, 1, 1, 9, 3, 1})
	f.Add([]byte{0, 8, 4, 1, 0, 0, 8, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var p Packets
		for i := 0; i+4 <= len(ops) && i < 400; i += 4 {
			d := Data{Source: uint32(ops[i] & 3), Packet: uint16(ops[i] >> 6), Offset: uint16(ops[i+1]) * 6, Last: ops[i+3]&1 != 0, APDU: text(int(ops[i+2])%100, ops[i+3]>>1), Travel: uint32(ops[i+3])}
			if whole, ok := p.Add(d, int64(ops[i+3])*int64(i)); ok && (len(whole.APDU) == 0 || len(whole.APDU) > MaxPacket) {
				t.Fatalf("a packet of %d bytes", len(whole.APDU))
			}
		}
	})
}
