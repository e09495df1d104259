package wire_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/listener/wire"
)

func TestElementsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.SampledFrom([]byte{wire.TagOctets, wire.TagSequence, 0x80, 0xa3}).Draw(t, "tag")
		size := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(65530, 65540)).Draw(t, "size")
		content := strings.Repeat("x", size)
		rest := rapid.String().Draw(t, "rest")
		gotTag, value, gotRest, err := wire.Next(string(wire.Octets(tag, content)) + rest)
		if err != nil || gotTag != tag || value != content || gotRest != rest {
			t.Fatalf("tag %#x, %d bytes, rest %q, %v", gotTag, len(value), gotRest, err)
		}
	})
}

func TestNumbersReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 32767, 32768, 1 << 23, math.MaxInt32} {
		value, rest, err := wire.Expect(string(wire.Integer(wire.TagInteger, n)), wire.TagInteger)
		if err != nil || rest != "" {
			t.Fatalf("%d: rest %q, %v", n, rest, err)
		}
		if got, err := wire.Number(value); err != nil || got != int64(n) {
			t.Errorf("%d reads back as %d, %v", n, got, err)
		}
	}
	if got, err := wire.Number("\xff"); err != nil || got != -1 {
		t.Errorf("ff reads as %d, %v", got, err)
	}
}

func TestMalformedElements(t *testing.T) {
	for name, bytes := range map[string]string{
		"empty":                     "",
		"only a tag":                "\x04",
		"shorter than its length":   "\x04\x05abcd",
		"indefinite length":         "\x04\x80ab\x00\x00",
		"length of five bytes":      "\x04\x85\x00\x00\x00\x00\x01a",
		"length cut off":            "\x04\x84\x00\x00",
		"length of four gigabytes":  "\x04\x84\xff\xff\xff\xffa",
		"tag that goes on":          "\x1f\x81\x01\x01a",
		"another tag than expected": "\x0a\x01\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := wire.Expect(bytes, wire.TagOctets); !errors.Is(err, wire.ErrFormat) {
				t.Errorf("error %v", err)
			}
		})
	}
	for _, value := range []string{"", "123456789"} {
		if _, err := wire.Number(value); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("number of %d bytes: %v", len(value), err)
		}
	}
	for _, value := range []string{"", "ab"} {
		if _, err := wire.Truth(value); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("truth value of %d bytes: %v", len(value), err)
		}
	}
}

func TestMessageReadsBack(t *testing.T) {
	operation := wire.Element(wire.SearchDone,
		wire.Integer(wire.TagEnumerated, 53), wire.Octets(wire.TagOctets, "dc=test"), wire.Octets(wire.TagOctets, "no"),
		wire.Element(0xa3, wire.Octets(wire.TagOctets, "ldap://elsewhere")))
	encoded := wire.Request(70000, operation,
		wire.Control("1.2.3", true, []byte("value")), wire.Control("1.2.4", false, nil))
	body, err := wire.NewReader(bytes.NewReader(encoded), 0).Next()
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.ParseMessage(body)
	if err != nil || m.ID != 70000 || m.Operation != wire.SearchDone {
		t.Fatalf("message %+v, %v", m, err)
	}
	for oid, want := range map[string]struct {
		value string
		found bool
	}{"1.2.3": {"value", true}, "1.2.4": {"", true}, "1.2.5": {"", false}} {
		value, found, err := m.Control(oid)
		if err != nil || value != want.value || found != want.found {
			t.Errorf("control %s: %q, %t, %v", oid, value, found, err)
		}
	}
	result, err := m.Result()
	if err != nil {
		t.Fatal(err)
	}
	want := &wire.Result{Code: 53, Message: "no", Referral: []string{"ldap://elsewhere"}}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if got := result.Err().Error(); got != "result 53 (Unwilling To Perform): no" {
		t.Errorf("error %q", got)
	}
	if err := (&wire.Result{Message: "fine"}).Err(); err != nil {
		t.Errorf("success is error %v", err)
	}
}

func TestReaderReadsWhatComesInPieces(t *testing.T) {
	long := strings.Repeat("y", 3<<20)
	stream := string(wire.Octets(wire.TagSequence, "short")) + string(wire.Octets(wire.TagSequence, long)) +
		string(wire.Octets(wire.TagSequence, ""))
	r := wire.NewReader(iotest.HalfReader(strings.NewReader(stream)), 0)
	for _, want := range []string{"short", long, ""} {
		got, err := r.Next()
		if err != nil || got != want {
			t.Fatalf("%d bytes, want %d, %v", len(got), len(want), err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end %v", err)
	}
}

func TestReaderRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		stream string
		want   error
	}{
		"end within the header":  {"\x30", io.ErrUnexpectedEOF},
		"end within the length":  {"\x30\x82\x01", io.ErrUnexpectedEOF},
		"end within the message": {"\x30\x05abc", io.ErrUnexpectedEOF},
		"another tag":            {"HTTP/1.1 400 Bad Request", wire.ErrFormat},
		"indefinite length":      {"\x30\x80abc", wire.ErrFormat},
		"length of five bytes":   {"\x30\x85\x00\x00\x00\x00\x01a", wire.ErrFormat},
		"more than the bound":    {"\x30\x82\x04\x01" + strings.Repeat("x", 1025), wire.ErrFormat},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := wire.NewReader(strings.NewReader(tt.stream), 1024).Next(); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// TestReaderPassesWhatIsTooLarge proves that one message beyond the bound costs neither memory nor the session, and tells
// what it was.
func TestReaderPassesWhatIsTooLarge(t *testing.T) {
	operation := wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, "uid=a"), make([]byte, 300<<10))
	stream := wire.Request(7, operation, wire.Control("1.2.3", false, []byte("value")))
	size := len(stream) - 6
	stream = append(stream, wire.Request(8, wire.Element(wire.SearchDone))...)
	r := wire.NewReader(bytes.NewReader(stream), 64<<10)
	_, err := r.Next()
	big, ok := errors.AsType[*wire.TooLarge](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	dn, _, err := wire.Expect(big.Message.Value, wire.TagOctets)
	value, _, _ := big.Message.Control("1.2.3")
	if big.Size != size || big.Limit != 64<<10 || big.Message.ID != 7 || dn != "uid=a" || err != nil || value != "value" {
		t.Errorf("%v: id %d, DN %q, control %q, %v", big, big.Message.ID, dn, value, err)
	}
	body, err := r.Next()
	if m, parseErr := wire.ParseMessage(body); err != nil || parseErr != nil || m.ID != 8 {
		t.Errorf("the next message %+v, %v, %v", m, err, parseErr)
	}
}

func TestRawReaderKeepsTheBound(t *testing.T) {
	small, big := wire.Octets(wire.TagSequence, "small"), wire.Octets(wire.TagSequence, strings.Repeat("x", 2000))
	r := wire.NewReader(iotest.HalfReader(bytes.NewReader(slices.Concat(small, small, big))), 1024)
	got, err := io.ReadAll(r)
	if refused := r.Beyond(); string(got) != strings.Repeat(string(small), 2) || refused == nil || !errors.Is(err, refused) || refused.Size != 2000 {
		t.Errorf("%q, then %v, %v", got, err, refused)
	}
	r = wire.NewReader(bytes.NewReader(append(small, 0x30)), 0)
	if got, err := io.ReadAll(r); string(got) != string(small) || !errors.Is(err, io.ErrUnexpectedEOF) || r.Beyond() != nil {
		t.Errorf("%q, then %v", got, err)
	}
}

func TestNotices(t *testing.T) {
	parse := func(name string) wire.Message {
		m, err := wire.ParseMessage(string(wire.Request(0, wire.Element(wire.ExtendedResponse, wire.Integer(wire.TagEnumerated, 51),
			wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, "later"), wire.Octets(0x8a, name)))[2:]))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	gone, _, err := parse(wire.NoticeOfDisconnection).Notice()
	if err != nil || gone == nil || gone.Code != 51 || gone.Error() != "the server disconnects: result 51 (Busy): later" {
		t.Errorf("%v, %v", gone, err)
	}
	if gone, oid, err := parse("1.2.3").Notice(); gone != nil || oid != "1.2.3" || err != nil {
		t.Errorf("%v, %q, %v", gone, oid, err)
	}
}

func TestClaimedLengthReservesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := wire.NewReader(strings.NewReader("\x30\x84\x03\xff\xff\xff"), 0).Next()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("six bytes have cost %d", got)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(wire.Request(1, wire.Element(wire.SearchDone, wire.Integer(wire.TagEnumerated, 0),
		wire.Octets(wire.TagOctets, ""), wire.Octets(wire.TagOctets, "")), wire.Control("1.2.3", true, nil)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = io.Copy(io.Discard, wire.NewReader(bytes.NewReader(data), 64))
		_, _ = wire.NewReader(bytes.NewReader(data), 64).Next()
		body, err := wire.NewReader(bytes.NewReader(data), 1<<20).Next()
		if err != nil {
			return
		}
		m, err := wire.ParseMessage(body)
		if err != nil {
			return
		}
		_, _ = m.Result()
		_, _, _ = m.Notice()
		_, _, _ = m.Control("1.2.3")
	})
}
