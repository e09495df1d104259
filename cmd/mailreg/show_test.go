package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
)

// TestParkedOnce: what several handlers say of an entry is told once.
func TestParkedOnce(t *testing.T) {
	var out bytes.Buffer
	a := &app{stdout: &out}
	item := func(id, handler, dn, reason string, attempts int) control.Parked {
		return control.Parked{ID: id, Handler: handler, DN: dn, Reason: reason, Attempts: attempts}
	}
	a.showParked([]control.Parked{
		item("p1", "account", "uid=a", "out of scope", 1), item("p2", "mailbox", "uid=b", "out of scope", 1),
		item("p3", "mailbox", "uid=a", "out of scope", 2), item("p4", "folder", "uid=a", "uid=a: taken", 1),
	})
	since := moment(time.Time{})
	want := "Parked: p1,p3 account,mailbox since " + since + ", 2 attempts\n  uid=a\n  out of scope\n" +
		"Parked: p2 mailbox since " + since + ", 1 attempt\n  uid=b\n  out of scope\n" +
		"Parked: p4 folder since " + since + ", 1 attempt\n  uid=a\n  taken\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
