package psearch

import (
	"testing"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

func TestControl(t *testing.T) {
	const want = "\x30\x29\x04\x17" + OID + "\x01\x01\xff\x04\x0b\x30\x09\x02\x01\x0f\x01\x01\xff\x01\x01\xff"
	if got := string(control()); got != want {
		t.Errorf("control %q, want %q", got, want)
	}
}

func TestParseChange(t *testing.T) {
	for value, want := range map[string]change{
		"\x30\x03\x0a\x01\x01":                        {kind: changeAdd},
		"\x30\x08\x0a\x01\x08\x04\x03a=b":             {kind: changeRename, previousDN: "a=b"},
		"\x30\x06\x0a\x01\x02\x02\x01\x07":            {kind: changeDelete}, // with a change number
		"\x30\x0b\x0a\x01\x08\x04\x03a=b\x02\x01\x07": {kind: changeRename, previousDN: "a=b"},
	} {
		if got, err := parseChange(value); err != nil || got != want {
			t.Errorf("%q gives %+v, %v", value, got, err)
		}
	}
	for _, bad := range []string{"", "\x30\x00", "\x30\x03\x0a\x01\x03", "\x30\x03\x02\x01\x01", "\x30\x05\x0a\x01\x08\x04\x03"} {
		if got, err := parseChange(bad); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

// TestDeletedByName deletes an entry of which the server sends the name only, in another spelling.
func TestDeletedByName(t *testing.T) {
	s, err := New(Config{Base: "dc=test"})
	if err != nil {
		t.Fatal(err)
	}
	session := newSession(s)
	session.names.learn(&schema.Entry{UUID: schema.UUID{7}, DN: "uid=Anna,dc=test"})
	gone := func(dn string) wire.Message {
		return wire.Message{Value: string(wire.Octets(wire.TagOctets, dn)) + string(wire.Element(wire.TagSequence))}
	}
	e, err := session.deleted(search.NewDecoder(s.words), gone("UID=anna, DC=test"))
	if err != nil || e.UUIDs[0] != (schema.UUID{7}) {
		t.Errorf("event %+v, %v", e, err)
	}
	if e, err := session.deleted(search.NewDecoder(s.words), gone("uid=ben,dc=test")); err == nil {
		t.Errorf("an unknown name gives %+v", e)
	}
}

// TestEntryWithoutIdentity has entries changed whose identity we may not read. They must not stop the others; of one that is
// known by name it is asked what has become of it.
func TestEntryWithoutIdentity(t *testing.T) {
	s, err := New(Config{Base: "dc=test"})
	if err != nil {
		t.Fatal(err)
	}
	session := newSession(s)
	session.names.learn(&schema.Entry{UUID: schema.UUID{7}, DN: "uid=anna,dc=test"})
	changed := func(dn string) (*listener.Event, error) {
		return session.changed(search.NewDecoder(s.words),
			wire.Message{Value: string(wire.Octets(wire.TagOctets, dn)) + string(wire.Element(wire.TagSequence))})
	}
	if e, err := changed("cn=others,dc=test"); e != nil || err != nil {
		t.Errorf("event %+v, %v", e, err)
	}
	if e, err := changed("uid=anna,dc=test"); err != nil || e == nil || e.Kind != listener.Gone || e.UUIDs[0] != (schema.UUID{7}) {
		t.Errorf("event %+v, %v", e, err)
	}
}
