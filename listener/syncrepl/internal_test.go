package syncrepl

import (
	"testing"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/wire"
)

func TestNewRefusesABadFilter(t *testing.T) {
	if _, err := New(Config{Filter: "(cn=a"}); err == nil {
		t.Error("a filter without its end was taken")
	}
}

func TestRequest(t *testing.T) {
	s, err := New(Config{Base: "dc=test", Filter: "(cn=a)", Attributes: []string{"cn"}})
	if err != nil {
		t.Fatal(err)
	}
	r := s.request([]byte("ck"))
	const want = "\x63\x27\x04\x07dc=test\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00" +
		"\xa3\x07\x04\x02cn\x04\x01a\x30\x04\x04\x02cn"
	if string(r.operation) != want {
		t.Errorf("operation %q, want %q", r.operation, want)
	}
	const control = "\x30\x28\x04\x18" + oidRequest + "\x01\x01\xff\x04\x09\x30\x07\x0a\x01\x03\x04\x02ck"
	if string(r.controls[0]) != control {
		t.Errorf("control %q, want %q", r.controls[0], control)
	}
	if r := s.request(nil); string(r.controls[0][len(r.controls[0])-5:]) != "\x30\x03\x0a\x01\x03" {
		t.Errorf("without cookie the control ends in %q", r.controls[0])
	}
}

func TestNamesAreSharedAndBounded(t *testing.T) {
	d := newDecoder([]string{"cn"})
	if d.name("CN") != "cn" || d.name("sn") != "" || d.name("Cn;x-1") != "cn;x-1" {
		t.Errorf("names %v", d.names)
	}
	for i := range 3 * maxNames {
		d.name(string(wire.Integer(wire.TagInteger, i)))
	}
	if len(d.names) > maxNames {
		t.Errorf("%d names are kept", len(d.names))
	}
	all := newDecoder([]string{"*"})
	if all.name("jpegPhoto") != "jpegphoto" {
		t.Error("with * not every attribute is kept")
	}
}

// FuzzSession feeds a session with messages; whatever they are, it must neither panic nor end a refresh twice.
func FuzzSession(f *testing.F) {
	uuid := make([]byte, 16)
	state := wire.Control(oidState, false, wire.Element(wire.TagSequence,
		wire.Integer(wire.TagEnumerated, changeAdd), wire.Element(wire.TagOctets, uuid)))
	attr := wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, "cn"),
		wire.Element(wire.TagSet, wire.Octets(wire.TagOctets, "A")))
	seeds := [][]byte{
		wire.Request(1, wire.Element(wire.SearchEntry, wire.Octets(wire.TagOctets, "uid=a"), wire.Element(wire.TagSequence, attr)), state),
		wire.Request(1, wire.Element(wire.Intermediate, wire.Octets(0x80, oidInfo), wire.Element(0x81, wire.Element(infoSet,
			wire.Boolean(true), wire.Element(wire.TagSet, wire.Element(wire.TagOctets, uuid)))))),
		wire.Request(1, wire.Element(wire.Intermediate, wire.Octets(0x80, oidInfo), wire.Element(0x81, wire.Element(infoDelete)))),
		wire.Request(1, wire.Element(wire.SearchDone, wire.Integer(wire.TagEnumerated, 0), wire.Octets(wire.TagOctets, ""),
			wire.Octets(wire.TagOctets, "")), wire.Control(oidDone, false, wire.Element(wire.TagSequence))),
	}
	for _, seed := range seeds {
		body, _, err := wire.Expect(string(seed), wire.TagSequence)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body, body)
	}
	s, err := New(Config{Base: "dc=test"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		session := &session{id: 1, log: s.log, decoder: newDecoder(s.config.Attributes)}
		ends := 0
		for _, body := range []string{first, second} {
			event, err := session.message(body)
			if err == nil && event != nil && event.Kind == listener.RefreshEnd {
				ends++
			}
		}
		if ends > 1 {
			t.Error("the refresh has ended twice")
		}
	})
}
