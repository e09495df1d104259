package explain

import (
	"testing"
	"time"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

func TestLogin(t *testing.T) {
	view, err := registry.Open(t.TempDir()).View()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, value   string
		blocked, here bool
		want          string
	}{
		{"uid", "anna", false, true, "open"},
		{"krb5ValidEnd", "20261231000000Z", false, true, "open until 2026-12-31T00:00:00Z"},
		{"shadowExpire", "1", true, true, "disabled: refused here"},
		{"shadowExpire", "1", false, true, "disabled; but not refused here yet"},
		{"shadowExpire", "1", false, false, "disabled"},
		{"pwdAccountLockedTime", "20261124115000Z", true, true, "locked until 2026-11-24T12:20:00Z: refused here"},
		{"uid", "anna", true, true, "open; but still refused here"},
		{"shadowExpire", "soon", false, true, `open; shadowExpire: "soon" is no number`},
	} {
		e := schema.NewEntry(schema.UUID{1}, "uid=anna", schema.Attribute{Name: tt.name, Values: []string{tt.value}})
		f := Facts{View: view, Now: now}
		if tt.blocked {
			f.Blocked = map[schema.UUID][]string{e.UUID: {"anna"}}
		}
		if got := login(e, f).tell(tt.here); got != tt.want {
			t.Errorf("%s=%s: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}
