package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() (Header, []Record) {
	h := Header{Portti: "1.2.0", Gateway: "XXXX00GTW00000001", Name: "panel", Type: "lines",
		Started: time.Date(2026, 11, 29, 18, 0, 0, 5, time.UTC), Mono: 100_000, Floor: 1_796_000_000_000,
		Keys: map[string]json.RawMessage{"baud": json.RawMessage("9600")}, Withheld: []string{"keys"}}
	sure, doubted := Clock{Unix: 1_796_000_000_123, Trusted: true, Err: 5}, Clock{Unix: -1_500}
	return h, []Record{
		{0, doubted, Opened, []byte("/dev/ttyUSB0")},
		{1, doubted, In, []byte("temp=21.5\r\n")},
		{1_500_000_001, sure, In, []byte("\x1b[2J \"quoted\" \\ \xff Ää\u202e\x7f temp=1\n")},
		{2 * time.Second, sure, Out, []byte{1, 3, 0, 0, 0, 2, 0xc4, 0x0b}},
		{2 * time.Second, sure, In, nil},
		{time.Hour, sure, Ended, []byte("the port is gone")},
		{time.Hour, sure, Reading, []byte(`{"tsmId":12100}`)},
		{time.Hour, sure, Rejected, []byte("checksum")},
		{25 * time.Hour, sure, Stopped, []byte{}},
	}
}

func written(t testing.TB, h Header, records []Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func same(a, b []Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].At != b[i].At || a[i].Clock != b[i].Clock || a[i].What != b[i].What || !bytes.Equal(a[i].Data, b[i].Data) {
			return false
		}
	}
	return true
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	h, records := sample()
	text := written(t, h, records)
	f, err := Read(bytes.NewReader(text))
	if err != nil || f.Cut || len(f.Damaged) != 0 || !reflect.DeepEqual(f.Header, h) || !same(f.Records, records) {
		t.Errorf("%v\nread %+v\nof\n%s", err, f, text)
	}
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("the byte %#x stands in the file as it is:\n%s", c, text)
		}
	}
	if !Is(text) || Is([]byte("$GPGGA")) {
		t.Error("a recording is not recognised, or something else is")
	}
	// as mail may deliver it
	if f, err = Read(bytes.NewReader(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))); err != nil || !same(f.Records, records) {
		t.Errorf("with CR LF: %v %+v", err, f)
	}
}

// Row 191: the power fails while a recording is written.
func TestCutAtEveryByte(t *testing.T) {
	h, records := sample()
	text := written(t, h, records)
	head := bytes.IndexByte(text, '\n') + 1
	for n := range text {
		f, err := Read(bytes.NewReader(text[:n]))
		if n < head {
			if err == nil {
				t.Fatalf("half a head of %d bytes was read", n)
			}
			continue
		}
		whole := bytes.Count(text[:n], []byte("\n")) - 1
		if err != nil || !f.Cut || len(f.Damaged) != 0 || !same(f.Records, records[:whole]) {
			t.Fatalf("cut at %d: %v, %d records of %d, %+v", n, err, len(f.Records), whole, f.Damaged)
		}
	}
}

// Row 192: a byte in the middle of a recording changes.
func TestDamageIsNamedAndPassedOver(t *testing.T) {
	h, records := sample()
	text := written(t, h, records)
	head := bytes.IndexByte(text, '\n') + 1
	for n := range text[:len(text)-1] {
		for _, c := range []byte{text[n] ^ 1, '\n', ' ', 0} {
			if c == text[n] || text[n] == '\n' && c == '\r' {
				continue
			}
			bad := bytes.Clone(text)
			bad[n] = c
			f, err := Read(bytes.NewReader(bad))
			if n < head {
				if err == nil {
					t.Fatalf("a damaged head was read: byte %d", n)
				}
				continue
			}
			line := bytes.Count(text[:n], []byte("\n")) + 1
			if err != nil || len(f.Damaged) == 0 || f.Damaged[0].Line != line {
				t.Fatalf("byte %d in line %d: %v, %v", n, line, err, f)
			}
			for _, r := range f.Records {
				if !same([]Record{r}, records[:1]) && !contains(records, r) {
					t.Fatalf("byte %d: made up %+v", n, r)
				}
			}
			if len(f.Records) < len(records)-2 {
				t.Fatalf("byte %d: only %d of %d were read", n, len(f.Records), len(records))
			}
		}
	}
}

func contains(all []Record, r Record) bool {
	for _, a := range all {
		if same([]Record{a}, []Record{r}) {
			return true
		}
	}
	return false
}

func TestOtherFilesAreRefused(t *testing.T) {
	h, records := sample()
	text := string(written(t, h, records))
	for in, want := range map[string]string{
		"":                                 "not a recording",
		"$GPGGA,1,2\n":                     "not a recording",
		"portti recording x {} 00000000\n": "checksum",
		sum("portti recording 2 {}"):       "format 2, and this portti reads up to 1",
		sum("portti recording 0 {}"):       "no version",
		sum("portti recording 1 {"):        "head",
	} {
		if _, err := Read(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	head, rest, _ := strings.Cut(text, "\n")
	for in, want := range map[string]string{
		sum("5.000000000 1.000 < \"a\"") + sum("4.000000000 1.000 < \"b\""): "lies before",
		sum("1.000000000 1.000 ? \"a\""):                                    "parts",
		sum("1.00000000 1.000 < \"a\""):                                     "parts",
		sum("-1.000000000 1.000 < \"a\""):                                   "parts",
		sum("1.000000000 1.000 < 1x"):                                       "parts",
		sum("1.000000000 1.000~x < 11"):                                     "parts",
		strings.Repeat("x", 2*maxLine) + "\n":                               "no end",
	} {
		f, err := Read(strings.NewReader(head + "\n" + in + rest))
		if err != nil || len(f.Damaged) == 0 || !strings.Contains(f.Damaged[0].Error(), want) {
			t.Errorf("%.40q: %v %v, want %s", in, err, f, want)
		}
	}
}

// sum is a line with its checksum.
func sum(text string) string {
	var b strings.Builder
	w := Writer{w: &b, buf: []byte(text)}
	_ = w.line()
	return b.String()
}

// failing is a disk that is full, or one that cannot be read.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left") }
func (failing) Read([]byte) (int, error)  { return 0, errors.New("input/output error") }

func TestErrorsOfTheFileAreSaid(t *testing.T) {
	if _, err := NewWriter(failing{}, Header{}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
	h, records := sample()
	text := written(t, h, records)
	if _, err := Read(io.MultiReader(bytes.NewReader(text[:len(text)-9]), failing{})); err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	h, records := sample()
	f.Add(written(f, h, records))
	f.Add([]byte("portti recording 1 {} 00000000\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		file, err := Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		again, err := Read(bytes.NewReader(written(t, file.Header, file.Records)))
		if err != nil || len(again.Damaged) != 0 || !same(file.Records, again.Records) {
			t.Fatalf("%v: %+v is read as %+v", err, file, again)
		}
	})
}

func FuzzData(f *testing.F) {
	f.Add([]byte("temp=1\r\n"), int64(5), int64(-1_500))
	f.Add([]byte{0xb5, 0x62, 0, 0xff}, int64(0), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, at, unix int64) {
		r := Record{time.Duration(max(at, -at, 0)), Clock{Unix: unix / 1000, Trusted: at%2 == 0}, In, data}
		if r.At < 0 || len(data) > 1000 {
			return
		}
		got, err := Read(bytes.NewReader(written(t, Header{}, []Record{r})))
		if err != nil || !same(got.Records, []Record{r}) {
			t.Fatalf("%v: %+v", err, got)
		}
	})
}

// The page on the format shows a recording that can be read.
func TestThePageShowsARecording(t *testing.T) {
	page, err := os.ReadFile("../../docs/recordings.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "    "+magic)
	text, _, _ = strings.Cut(magic+text, "\n\n")
	f, err := Read(strings.NewReader(strings.ReplaceAll(text, "\n    ", "\n") + "\n"))
	if err != nil || len(f.Damaged) != 0 || f.Cut || len(f.Records) != 4 {
		t.Errorf("%v %+v\n%s", err, f, text)
	}
}
