package advice

import (
	"testing"
	"time"
)

func TestIndexes(t *testing.T) {
	for value, want := range map[string]bool{
		"entryUUID eq": true, "objectClass,entryUUID eq": true, "entryuuid pres,eq": true, "entryUUID pres": false, "entryCSN eq": false,
		"entryUUID": false, "default pres,eq": false, "entryUUID pres eq": true, "": false,
	} {
		if got := indexes(value, "entryUUID"); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// TestLDIF holds that a name in the directory cannot become a record of its own.
func TestLDIF(t *testing.T) {
	for value, want := range map[string]string{
		"dc=a": "dn: dc=a\n", "dc=a\ndn: cn=config": "dn:: ZGM9YQpkbjogY249Y29uZmln\n", "dc=ä": "dn:: ZGM9w6Q=\n", " x": "dn:: IHg=\n", "<x": "dn:: PHg=\n",
		":x": "dn:: Ong=\n", "x ": "dn:: eCA=\n", "": "dn: \n",
	} {
		if got := pair("dn", value); got != want {
			t.Errorf("%q: %q", value, got)
		}
	}
	if got := quoted(`cn=a\"b"`); got != `"cn=a\\\"b\""` {
		t.Errorf("%s", got)
	}
	if got := modify("cn=x", "add", "a", "1", "2"); got != "dn: cn=x\nchangetype: modify\nadd: a\na: 1\na: 2\n" {
		t.Errorf("%q", got)
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(2026, 11, 24, 11, 0, 1, 0, time.UTC)
	for _, text := range []string{"20261124110001Z", "20261124110001.0Z", "20261124110001.123456Z#000000#000#000000"} {
		if got, err := parseTime(text); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "2026Z", "20261124110001+0100", "20269924110001Z"} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestSuffixOf(t *testing.T) {
	contexts := []string{"dc=test", "DC=Example,dc=test", "dc=other", "cn=config", "not a DN"}
	for base, want := range map[string]string{
		"dc=example,dc=test": "DC=Example,dc=test", "ou=people,dc=example,dc=test": "DC=Example,dc=test", "dc=x,dc=test": "dc=test", "dc=nowhere": "", "bad": "",
	} {
		if got := suffixOf(contexts, base); got != want {
			t.Errorf("%s: %q, want %q", base, got, want)
		}
	}
}
