package syncrepl

import (
	"testing"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/search"
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
	const want = "\x63\x32\x04\x07dc=test\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00" +
		"\xa3\x07\x04\x02cn\x04\x01a\x30\x0f\x04\x02cn\x04\x09entryUUID"
	if string(s.search) != want {
		t.Errorf("operation %q, want %q", s.search, want)
	}
	const control = "\x30\x28\x04\x18" + OID + "\x01\x01\xff\x04\x09\x30\x07\x0a\x01\x03\x04\x02ck"
	if got := controls(refreshAndPersist, []byte("ck")); string(got[0]) != control {
		t.Errorf("control %q, want %q", got[0], control)
	}
	if got := controls(refreshOnly, nil)[0]; string(got[len(got)-5:]) != "\x30\x03\x0a\x01\x01" {
		t.Errorf("without cookie the control ends in %q", got)
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
		session := &session{log: s.log, config: &s.config, decoder: search.NewDecoder(s.words)}
		ends := 0
		for _, body := range []string{first, second} {
			m, err := wire.ParseMessage(body)
			if err != nil {
				continue
			}
			event, err := session.message(t.Context(), m)
			if err == nil && event != nil && event.Kind == listener.RefreshEnd {
				ends++
			}
		}
		if ends > 1 {
			t.Error("the refresh has ended twice")
		}
	})
}
