package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// fake is a server that writes down what it is told, and fails when err is set.
type fake struct {
	calls []string
	err   error
}

func (f *fake) call(format string, args ...any) error {
	if f.err == nil {
		f.calls = append(f.calls, fmt.Sprintf(format, args...))
	}
	return f.err
}

func (f *fake) Ensure(_ context.Context, b backend.Folder) error { return f.call("ensure %s", b.Name) }

func (f *fake) Remove(_ context.Context, b backend.Folder, trash bool) error {
	return f.call("remove %s %t", b.Name, trash)
}

func (f *fake) SetRights(_ context.Context, b backend.Shared) error {
	return f.call("rights %s %v", b.Name, b.Grants)
}

func (f *fake) SetQuota(_ context.Context, b backend.Folder) error {
	return f.call("quota %s %d", b.Name, b.Quota)
}

func (f *fake) Commit(_ context.Context, all []backend.Shared) error {
	return f.call("commit %d", len(all))
}

func (f *fake) Inspect(context.Context, backend.Shared) ([]schema.Difference, error) { return nil, nil }

func newHandler(t *testing.T) (*Handler, *fake) {
	t.Helper()
	root, server := t.TempDir(), &fake{}
	name := filepath.Join(root, "etc/mailreg/base.conf")
	text := "# mailreg layer file 1: base.conf\ndomainname: x.test\nhostname: mail1\nmail/dovecot/mailbox/delete: yes\n# end of base.conf\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	return restarted(root, server), server
}

func restarted(root string, server *fake) *Handler {
	return New(Config{Root: root, View: registry.Open(root).View, Server: func(*registry.View) (Server, error) { return server, nil }})
}

func folderOf(n byte, home string, more ...schema.Attribute) *schema.Entry {
	cn := fmt.Sprintf("F%d@x.test", n)
	return schema.NewEntry(schema.UUID{n}, "cn="+cn, append(more, attr("objectClass", schema.ClassSharedFolder), attr("cn", cn), attr(schema.AttrHomeServer, home))...)
}

// burst applies changes, each twice, and flushes twice; what the server is told the second time must be nothing but ensure and
// remove.
func burst(t *testing.T, h *Handler, server *fake, changes ...schema.Change) []string {
	t.Helper()
	server.calls = nil
	for range 2 {
		for _, c := range changes {
			if err := h.Apply(t.Context(), c); err != nil && !errors.Is(err, schema.ErrPartly) {
				t.Fatal(err)
			}
		}
		if err := h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	calls := server.calls
	for i := 0; i < len(calls); i++ {
		if slices.Contains(calls[:i], calls[i]) {
			calls = slices.Delete(calls, i, i+1)
			i--
		}
	}
	return calls
}

func adds(entries ...*schema.Entry) (changes []schema.Change) {
	for _, e := range entries {
		changes = append(changes, schema.Change{UUID: e.UUID, New: e})
	}
	return changes
}

func TestHandler(t *testing.T) {
	const home = "mail1.x.test"
	h, server := newHandler(t)
	want := func(name string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	one := folderOf(1, home, attr(schema.AttrFolderACL, "a@x.test read", "odd"), attr(schema.AttrUserQuota, "5"))
	two := folderOf(2, "mail2.x.test", attr(schema.AttrFolderACL, "a@x.test read"))
	a := person(20, "a", "a@x.test")
	want("first", burst(t, h, server, adds(one, two, a)...), "ensure F1@x.test", "rights F1@x.test [{user a@x.test read}]", "commit 1")
	want("nothing new", burst(t, h, server))
	want("asked for again", burst(t, h, server, adds(one)...), "ensure F1@x.test", "rights F1@x.test [{user a@x.test read}]", "commit 1")
	more := folderOf(1, home, attr(schema.AttrFolderACL, "a@x.test read"), attr(schema.AttrUserQuota, "6"))
	want("quota", burst(t, h, server, schema.Change{UUID: one.UUID, Old: one, New: more}), "ensure F1@x.test", "rights F1@x.test [{user a@x.test read}]", "quota F1@x.test 6", "commit 1")
	renamed := person(20, "a", "b@x.test")
	want("renamed", burst(t, h, server, schema.Change{UUID: a.UUID, Old: a, New: renamed}), "rights F1@x.test [{user b@x.test read}]", "commit 1")

	// After a restart whom the right means is still known, although somebody else has the address.
	h = restarted(h.cfg.Root, server)
	h.Recall(slices.Values([]*schema.Entry{more, two, renamed}))
	other := person(21, "c", "a@x.test")
	want("restarted", burst(t, h, server, adds(other)...), "rights F1@x.test [{user b@x.test read}]", "commit 1")
	server.calls = nil
	if err := h.Reconcile(t.Context(), slices.Values([]*schema.Entry{more, two, renamed, other})); err != nil {
		t.Fatal(err)
	}
	want("reconciled", server.calls, "ensure F1@x.test", "rights F1@x.test [{user b@x.test read}]", "commit 1")
	want("gone", burst(t, h, server, schema.Change{UUID: one.UUID, Old: more}), "remove F1@x.test true", "commit 0")
}

// TestFailedFlush: what failed is told again, and a server that is down holds up all.
func TestFailedFlush(t *testing.T) {
	h, server := newHandler(t)
	one := folderOf(1, "mail1.x.test")
	if err := h.Apply(t.Context(), adds(one)[0]); err != nil {
		t.Fatal(err)
	}
	server.err = errors.New("no")
	if faults, ok := errors.AsType[schema.Faults](h.Flush(t.Context())); ok || len(faults) > 0 {
		t.Errorf("Commit failed for all: %v", faults)
	}
	server.err = &schema.TargetDown{Target: "spool", Err: errors.New("no")}
	if _, down := errors.AsType[*schema.TargetDown](h.Flush(t.Context())); !down {
		t.Error("a server that is down is not told")
	}
	server.err = nil
	if err := h.Flush(t.Context()); err != nil || len(server.calls) != 3 {
		t.Errorf("%v, %q", err, server.calls)
	}
}

func TestHostileEntries(t *testing.T) {
	h, server := newHandler(t)
	for name, e := range map[string]*schema.Entry{
		"question mark": folderOf(1, "mail1.x.test", attr(schema.AttrPrimaryAddress, "a?@x.test")),
		"path":          folderOf(1, "mail1.x.test", attr(schema.AttrPrimaryAddress, "../a@x.test")),
	} {
		if err := h.Apply(t.Context(), adds(e)[0]); !errors.Is(err, schema.ErrInvalid) || len(server.calls) > 0 {
			t.Errorf("%s: %v, %q", name, err, server.calls)
		}
	}
}

// TestTaken: of a user and a folder that want one address the first has it, and the other is told of whom it waits for, also
// after all was looked at anew.
func TestTaken(t *testing.T) {
	h, server := newHandler(t)
	user, other := person(20, "a", "a@x.test"), person(20, "a", "b@x.test")
	folder := folderOf(1, "mail1.x.test", attr(schema.AttrPrimaryAddress, "A@x.test"))
	waits := func(c schema.Change, by schema.UUID, kind error) {
		t.Helper()
		err := h.Apply(t.Context(), c)
		if taken, ok := errors.AsType[*schema.Taken](err); !ok || taken.By != by || !errors.Is(err, kind) || !strings.Contains(err.Error(), "a@x.test") {
			t.Errorf("error %v, want one of %v, which has it", err, by)
		}
	}
	burst(t, h, server, adds(user)...)
	waits(adds(folder)[0], user.UUID, schema.ErrInvalid)
	server.calls = nil
	if err := h.Reconcile(t.Context(), slices.Values([]*schema.Entry{user, folder})); err != nil || len(server.calls) != 1 {
		t.Errorf("reconciled: %v, %q", err, server.calls)
	}
	waits(adds(folder)[0], user.UUID, schema.ErrInvalid)
	burst(t, h, server, schema.Change{UUID: user.UUID, Old: user, New: other})
	burst(t, h, server, adds(folder)...)
	waits(schema.Change{UUID: user.UUID, Old: other, New: user}, folder.UUID, schema.ErrPartly)
	if err := h.Reconcile(t.Context(), slices.Values([]*schema.Entry{user, folder})); err != nil {
		t.Fatal(err)
	}
	if err := h.Apply(t.Context(), adds(folder)[0]); err != nil {
		t.Errorf("who had it first: %v", err)
	}
	burst(t, h, server, schema.Change{UUID: folder.UUID, Old: folder})
	if err := h.Apply(t.Context(), schema.Change{UUID: user.UUID, Old: other, New: user}); err != nil {
		t.Errorf("once it is free: %v", err)
	}
}

// BenchmarkMembers is what a burst costs that changes one of 50,000 members.
func BenchmarkMembers(b *testing.B) {
	p := newPeople()
	var members []string
	for n := range 50000 {
		uid := fmt.Sprintf("user%05d", n)
		e := person(0, uid, uid+"@x.test")
		e.UUID = schema.UUID{1, byte(n >> 8), byte(n)}
		p.put(e.UUID, e)
		members = append(members, e.DN)
	}
	all := groupOf(2, "all", members...)
	f := view("mail1", "")
	for b.Loop() {
		p.put(all.UUID, all)
		bound := map[schema.UUID]bindings{f.UUID: {"all": {Right: schema.RightRead, Who: all.UUID}}}
		if found := p.members([]*schema.SharedFolder{f}, bound); len(found) != len(members) {
			b.Fatal(len(found))
		}
	}
}
