package cyrus

import (
	"errors"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

func TestNames(t *testing.T) {
	a := schema.Address{Local: "a.b", Domain: "x.test"}
	if got := inbox(a); got != "user/a.b@x.test" || addressOf(got) != a {
		t.Errorf("inbox %q is that of %v", got, addressOf(got))
	}
	spam := folder(inbox(a), "Spam/Old")
	if name, ok := folderName(inbox(a), spam); spam != "user/a.b/Spam/Old@x.test" || !ok || name != "Spam/Old" {
		t.Errorf("folder %q is %q, %t", spam, name, ok)
	}
	for _, none := range []string{"user/a.b@x.test", "user/a.b/Spam@y.test", "user/a.bc/Spam@x.test", "shared/a.b/Spam@x.test"} {
		if name, ok := folderName(inbox(a), none); ok {
			t.Errorf("%q is folder %q", none, name)
		}
	}
	id := newID(time.Date(2026, 11, 24, 5, 37, 15, 0, time.UTC), schema.UUID{0x4a, 0x1c, 0x9e, 2}, "")
	place := quarantine.place(id, "user/a@x.test")
	if of, got, ok := item(place); place != "user/.quarantined-20261124t053715z-4a1c9e02@mailreg.invalid" || !ok || of != quarantine || got != id {
		t.Errorf("%q is item %q of %s, %t", place, got, of, ok)
	}
	for _, none := range []string{inbox(a), asidePlace(schema.UUID{1}), place + "x", folder(place, "Spam")} {
		if _, got, ok := item(none); ok {
			t.Errorf("%q is item %q", none, got)
		}
	}
	if a := addressOf(place); !a.IsZero() {
		t.Errorf("%q is the inbox of %v", place, a)
	}
}

func TestAddressesThatCyrusCannotName(t *testing.T) {
	for address, fits := range map[string]bool{
		"a.b+c@x.test": true, "o'brien@x.test": true, "a&b@x.test": false, "a^b@x.test": false, "{a}@x.test": false, "a@mailreg.invalid": false,
	} {
		a, err := schema.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkAddress(a); (err == nil) != fits || err != nil && !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestMarks(t *testing.T) {
	owner := backend.Owner{UUID: schema.UUID{7}, Address: schema.Address{Local: "a", Domain: "x.test"}}
	want := newMark(owner, time.Unix(1000, 1))
	got, found, err := parseMark("user/a@x.test", want.bytes())
	if err != nil || !found || got != want {
		t.Errorf("read %+v, %t, %v; wrote %+v", got, found, err, want)
	}
	for _, note := range []string{"", "call Anna", `{"note":1}`, "[]"} {
		if _, found, err := parseMark("user/a@x.test", []byte(note)); found || err != nil {
			t.Errorf("note %q: %t, %v", note, found, err)
		}
	}
	for _, bad := range []string{`{"mailreg":1}`, `{"mailreg":2,"uuid":"` + owner.UUID.String() + `","address":"a@x.test"}`, `{"mailreg":1,"uuid":7}`} {
		if _, _, err := parseMark("user/a@x.test", []byte(bad)); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("mark %s: %v", bad, err)
		}
	}
}

func TestServes(t *testing.T) {
	note := "imap\tlocalhost [127.0.0.1]\tA@x.test\tuser.b^test\t\n"
	if !serves(note, []string{"b@x.test", "a@x.test"}) || serves(note, []string{"localhost [127.0.0.1]", "user.b^test", ""}) || serves("imap\thost", []string{""}) {
		t.Error("the user of a note is not who it names")
	}
}
