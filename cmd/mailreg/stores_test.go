package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func (d fakeDaemon) Stores(_ context.Context, q control.StoreQuery) ([]control.Store, error) {
	uuid, _ := schema.ParseUUID(strings.Repeat("a", 8) + "-0000-4000-8000-000000000000")
	live := control.Store{Path: "user/anna@example.test", UUID: uuid, Address: "anna@example.test", State: "live"}
	at := control.Moment{Time: time.Date(2026, 11, 24, 5, 37, 15, 0, time.UTC)}
	gone := control.Store{Path: "user/.deleted-x@mailreg.invalid", UUID: uuid, Address: "ben@example.test", State: "deleted", ID: "x", Cause: "deleted", Time: at}
	all := []control.Store{live, gone}
	return slices.DeleteFunc(all, func(s control.Store) bool {
		return q.Address != "" && s.Address != q.Address || q.Address == "" && q.Kept != (s.ID != "")
	}), nil
}

func (d fakeDaemon) StoreUsage(context.Context, control.StoreName) (control.StoreUsage, error) {
	return control.StoreUsage{Messages: 2, Bytes: 300, Quota: 5 << 20}, nil
}

func (d fakeDaemon) RestoreStore(_ context.Context, r control.RestoreRequest) (control.RestoreResult, error) {
	return control.RestoreResult{Path: fmt.Sprintf("%s for %s as %s", r.ID, r.Asked, r.As)}, nil
}

func (d fakeDaemon) PurgeStores(_ context.Context, r control.PurgeRequest) (control.PurgeResult, error) {
	return control.PurgeResult{Removed: append([]string{fmt.Sprint(r.All)}, r.IDs...), Error: "one stays"}, nil
}

// TestStoresOnCyrus: who keeps mail on Cyrus is asked through the daemon, and the commands read as with a spool.
func TestStoresOnCyrus(t *testing.T) {
	s := newSite(t)
	if _, errs, code := s.run("set", "--no-reload", "mail/mailbox/backend=cyrus"); code != 0 {
		t.Fatalf("set: %d %s", code, errs)
	}
	if _, errs, code := s.run("mailbox", "trash", "list"); code != 1 || !strings.Contains(errs, "stores on Cyrus: the daemon does not answer") {
		t.Errorf("without a daemon: %d %q", code, errs)
	}
	s.serve()
	for args, want := range map[string][]string{
		"mailbox list --usage":                          {"anna@example.test", "300"},
		"mailbox show anna@example.test":                {"Path: user/anna@example.test\nMessages: 2\nBytes: 300\n", "Quota: 5242880\n"},
		"mailbox trash list":                            {"x   deleted  ben@example.test"},
		"mailbox trash restore x --as c@example.test":   {"Restored: x to x for  as c@example.test"},
		"mailbox trash restore ben@example.test --json": {`"path": "x for ben@example.test as "`},
		"mailbox trash restore anna@example.test":       {"no store of anna@example.test was moved aside"},
		"mailbox trash purge --all":                     {"Purged: true\n", "stores on Cyrus: one stays"},
		"mailbox trash purge x":                         {"Purged: false\nPurged: x\n"},
	} {
		out, errs, _ := s.run(strings.Fields(args)...)
		for _, part := range want {
			if !strings.Contains(out+errs, part) {
				t.Errorf("%s: %q %q, want %q in it", args, out, errs, part)
			}
		}
	}
}
