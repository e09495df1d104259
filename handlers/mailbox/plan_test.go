package mailbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// user returns a mail user: "a@x.test" at a home server, with login anna below ou=people; nil without address.
func user(address, home string) *schema.Mailbox {
	if address == "" {
		return nil
	}
	a, err := schema.ParseAddress(address)
	if err != nil {
		panic(err)
	}
	return &schema.Mailbox{DN: "uid=anna,ou=people", Primary: a, HomeServer: home, Login: "anna"}
}

// brief prints a plan in one line; names only where they are not those of the whole plan.
func brief(plan []Action) string {
	var words []string
	for _, a := range plan {
		switch a.Op {
		case Flush:
			words = append(words, "flush")
		case Kick:
			words = append(words, "kick("+strings.Join(a.Names, ",")+")")
		default:
			word := string(a.Op) + "("
			if !a.From.IsZero() {
				word += a.From.Local
			}
			if !a.To.IsZero() {
				word += ">" + a.To.Local
			}
			if a.Cause != "" {
				word += " " + string(a.Cause)
			}
			words = append(words, word+")")
		}
	}
	return strings.Join(words, " ")
}

const (
	here  = "mail1.example.test"
	there = "mail2.example.test"
)

func TestPlan(t *testing.T) {
	const (
		away  = "flush kick(a@x.test) "
		trash = away + "trash(a deleted) flush"
		leave = away + "leave(a foreign) flush"
	)
	for _, tt := range []struct {
		name     string
		old, new *schema.Mailbox
		// keep and del are the plans with delete=no and delete=yes; they do not depend on rename.
		keep, del string
	}{
		{"added, home here", nil, user("a@x.test", here), "ensure(>a)", "ensure(>a)"},
		{"added, home empty", nil, user("a@x.test", ""), "ensure(>a)", "ensure(>a)"},
		{"added, home elsewhere", nil, user("a@x.test", there), "", ""},
		{"changed elsewhere", user("a@x.test", there), user("b@x.test", there), "", ""},
		{"deleted, home here", user("a@x.test", here), nil, leave, trash},
		{"deleted, home empty", user("a@x.test", ""), nil, leave, trash},
		{"deleted, home elsewhere", user("a@x.test", there), nil, "", ""},
		{"came and went before the first success", nil, nil, "leave( foreign)", "trash( deleted)"},
		{"home here to elsewhere", user("a@x.test", here), user("a@x.test", there), leave, trash},
		{"home here to elsewhere with the address", user("a@x.test", here), user("b@x.test", there), leave, trash},
		{"home empty to elsewhere keeps the mail", user("a@x.test", ""), user("a@x.test", there), leave, leave},
		{"home elsewhere to here", user("a@x.test", there), user("a@x.test", here), "ensure(>a)", "ensure(>a)"},
		{"home elsewhere to empty", user("a@x.test", there), user("a@x.test", ""), "ensure(>a)", "ensure(>a)"},
		{"home elsewhere to here with the address", user("a@x.test", there), user("b@x.test", here), "ensure(>b)", "ensure(>b)"},
		{"home empty to here", user("a@x.test", ""), user("a@x.test", here), "keep(>a)", "keep(>a)"},
		{"home here to empty", user("a@x.test", here), user("a@x.test", ""), "keep(>a)", "keep(>a)"},
		{"case of the address", user("a@x.test", here), user("A@X.test", here), "keep(>a)", "keep(>a)"},
		{"case of the home", user("a@x.test", here), user("a@x.test", here), "keep(>a)", "keep(>a)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, rename := range []bool{false, true} {
				for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
					for del, want := range map[bool]string{false: tt.keep, true: tt.del} {
						s := Settings{Homes: Homes{Host: here}, Rename: rename, Delete: del, Layout: layout}
						if got := brief(Plan(tt.old, tt.new, s)); got != want {
							t.Errorf("rename=%t delete=%t %s: %q, want %q", rename, del, layout, got, want)
						}
					}
				}
			}
		})
	}
}

func TestPlanOfAChangedAddress(t *testing.T) {
	const around = "flush kick(a@x.test) %s flush"
	homes := []struct{ old, new string }{{here, here}, {"", ""}, {"", here}, {here, ""}}
	for _, tt := range []struct {
		rename, delete bool
		layout         backend.Layout
		want           string
		takes          bool
	}{
		{true, false, backend.ByUUID, "move(a>b)", false},
		{true, true, backend.ByUUID, "move(a>b)", false},
		{false, false, backend.ByUUID, "quarantine(a>b) ensure(>b)", true},
		{false, true, backend.ByUUID, "trash(a>b renamed) ensure(>b)", true},
		{true, false, backend.ByAddress, "move(a>b) kick(b@x.test)", true},
		{true, true, backend.ByAddress, "move(a>b) kick(b@x.test)", true},
		{false, false, backend.ByAddress, "leave(a>b renamed) ensure(>b)", true},
		{false, true, backend.ByAddress, "trash(a>b renamed) ensure(>b)", true},
	} {
		s := Settings{Homes: Homes{Host: here}, Rename: tt.rename, Delete: tt.delete, Layout: tt.layout}
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			for _, home := range homes {
				old, new := user("a@x.test", home.old), user("b@x.test", home.new)
				plan := Plan(old, new, s)
				if got, want := brief(plan), fmt.Sprintf(around, tt.want); got != want {
					t.Errorf("%+v: %q, want %q", home, got, want)
				}
				if got := Takes(plan, new, s); got != tt.takes {
					t.Errorf("%+v: takes %t, want %t", home, got, tt.takes)
				}
			}
		})
	}
}

func TestTakes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		old, new  *schema.Mailbox
		keep, del bool
	}{
		{"added", nil, user("a@x.test", here), false, false},
		{"deleted", user("a@x.test", here), nil, false, true},
		{"home moved away", user("a@x.test", here), user("a@x.test", there), true, true},
		{"empty home moved away", user("a@x.test", ""), user("a@x.test", there), true, true},
		{"home came", user("a@x.test", there), user("a@x.test", here), false, false},
		{"elsewhere", user("a@x.test", there), nil, false, false},
	} {
		for del, want := range map[bool]bool{false: tt.keep, true: tt.del} {
			s := Settings{Homes: Homes{Host: here}, Delete: del, Layout: backend.ByUUID}
			if got := Takes(Plan(tt.old, tt.new, s), tt.new, s); got != want {
				t.Errorf("%s, delete=%t: takes %t, want %t", tt.name, del, got, want)
			}
		}
	}
}

func TestFlushedNames(t *testing.T) {
	old, new := user("a@x.test", here), user("b@y.test", here)
	old.Aliases, new.Aliases, new.Login = []string{"old@x.test"}, []string{"new@x.test"}, "anne"
	plan := Plan(old, new, Settings{Homes: Homes{Host: here}, Rename: true})
	want := []string{"a@x.test", "anna", "anna@x.test", "anne", "anne@y.test", "b@y.test", "new@x.test", "old@x.test"}
	for _, at := range []int{0, len(plan) - 1} {
		if diff := cmp.Diff(want, plan[at].Names); plan[at].Op != Flush || diff != "" {
			t.Errorf("%s (-want +got):\n%s", plan[at].Op, diff)
		}
	}

	for name, change := range map[string]func(*schema.Mailbox){
		"uid": func(m *schema.Mailbox) { m.Login = "anne" },
		"OU":  func(m *schema.Mailbox) { m.DN = "uid=anna,ou=staff" },
	} {
		moved := *old
		change(&moved)
		if got := brief(Plan(old, &moved, Settings{Homes: Homes{Host: here}, Delete: true})); got != "keep(>a)" {
			t.Errorf("%s changed: %q", name, got)
		}
	}
}

// TestPlanMoves plans for users who change the home server while mail goes along.
func TestPlanMoves(t *testing.T) {
	s := Settings{Homes: Homes{Host: "mail1.x.test"}, Transfer: true, Delete: true, Rename: true, Layout: backend.ByUUID}
	user := func(address, home string) *schema.Mailbox {
		a, err := schema.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		return &schema.Mailbox{DN: "uid=a", Primary: a, HomeServer: home}
	}
	here, there := user("a@x.test", "mail1.x.test"), user("a@x.test", "mail2.x.test")
	tests := []struct {
		name     string
		old, new *schema.Mailbox
		want     []string
	}{
		{"leaves", here, there, []string{"hand over a@x.test to host mail2.x.test"}},
		{"leaves, renamed", here, user("b@x.test", "mail2.x.test"), []string{"hand over a@x.test to host mail2.x.test"}},
		{"leaves everywhere", user("a@x.test", ""), there, []string{"hand over a@x.test to host mail2.x.test"}},
		{"comes", there, here, []string{"await a@x.test from host mail2.x.test"}},
		{"comes from nowhere", nil, here, []string{"ensure a@x.test"}},
		{"is gone", here, nil, []string{"flush a@x.test", "kick a@x.test", "trash a@x.test", "flush a@x.test"}},
		{"elsewhere", there, user("a@x.test", "mail3.x.test"), nil},
	}
	for _, test := range tests {
		plan := Plan(test.old, test.new, s)
		var got []string
		for _, a := range plan {
			got = append(got, a.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if leaves := test.name != "is gone"; leaves && Takes(plan, test.new, s) {
			t.Errorf("%s: counted by the brake", test.name)
		}
	}
	if !Plan(user("a@x.test", ""), there, s)[0].Shared || Plan(here, there, s)[0].Shared {
		t.Error("a store that is one of several is not told apart")
	}
}

// TestPlanMovesOnCyrus plans the same there, where nobody has mail who names no home server. The quota comes with the mail.
func TestPlanMovesOnCyrus(t *testing.T) {
	s := Settings{Homes: Homes{Host: "mail1.x.test", Named: true}, Transfer: true, Rename: true, Layout: backend.ByAddress}
	at := func(home string) *schema.Mailbox { return user("a@x.test", home) }
	for _, test := range []struct{ from, to, want string }{
		{"mail1.x.test", "mail2.x.test", "hand over a@x.test to host mail2.x.test"},
		{"mail2.x.test", "mail1.x.test", "await a@x.test from host mail2.x.test"},
		{"", "mail1.x.test", "ensure a@x.test, limit a@x.test"},
		{"mail1.x.test", "", "leave a@x.test"},
		{"", "mail2.x.test", ""},
	} {
		var got []string
		for _, a := range Plan(at(test.from), at(test.to), s) {
			if a.Op != Flush && a.Op != Kick {
				got = append(got, a.String())
			}
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("from %q to %q: %s, want %s", test.from, test.to, text, test.want)
		}
	}
}

// TestPlanMovesNobodyElse gives a user on the way no name that another may have: the former address, or the uid as an address.
func TestPlanMovesNobodyElse(t *testing.T) {
	s := Settings{Homes: Homes{Host: "mail1.x.test"}, Transfer: true, Layout: backend.ByUUID}
	old := &schema.Mailbox{Primary: schema.Address{Local: "a", Domain: "x.test"}, HomeServer: "mail1.x.test", Login: "info", Aliases: []string{"c@x.test"}}
	new := &schema.Mailbox{Primary: schema.Address{Local: "b", Domain: "x.test"}, HomeServer: "mail2.x.test", Login: "info", Aliases: []string{"d@x.test"}}
	want := []string{"b@x.test", "d@x.test", "info"}
	if got := Plan(old, new, s)[0]; got.Op != HandOver || !slices.Equal(got.Names, want) {
		t.Errorf("%s by the names %q, want %q", got.Op, got.Names, want)
	}
	s.Host = "mail2.x.test"
	if got := Plan(old, new, s)[0]; got.Op != Await || !slices.Equal(got.Names, want) {
		t.Errorf("%s by the names %q, want %q", got.Op, got.Names, want)
	}
}

// TestPlanOnCyrus proves that only a home server that is named counts there, and that quotas follow at once.
func TestPlanOnCyrus(t *testing.T) {
	a := user("a@x.test", here)
	for _, tt := range []struct {
		name     string
		old, new *schema.Mailbox
		want     string
	}{
		{"new", nil, a, "ensure a@x.test, limit a@x.test"},
		{"the same", a, a, "keep a@x.test, limit a@x.test"},
		{"nobody's", nil, user("a@x.test", ""), ""},
	} {
		var got []string
		for _, a := range Plan(tt.old, tt.new, Settings{Homes: Homes{Host: here, Named: true}, Rename: true, Layout: backend.ByAddress}) {
			got = append(got, a.String())
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, text, tt.want)
		}
	}
}
