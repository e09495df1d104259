package mailbox_test

import (
	"slices"

	"github.com/mailreg/mailreg/tests/harness"
)

// Where a message can be after a change.
const (
	// live: in the mailbox of the person it was sent to.
	live = "live"
	// kept: where it was, out of reach.
	kept = "kept"
	// trash and quarantine: set aside.
	trash      = "trash"
	quarantine = "quarantine"
	// aside: a store that rename=no leaves behind. Layout uuid quarantines it, because its place is still the person's;
	// layout address keeps it under the old name.
	aside = "aside"
	// yielded: a kept store whose address somebody else has taken. Layout uuid keeps it; layout address quarantines it,
	// because its place is now somebody else's.
	yielded = "yielded"
)

// outcome tells where the messages of a case's people are after a step, in the order of the people, for each setting of
// mail/dovecot/mailbox/rename and delete.
type outcome struct {
	yesNo, yesYes, noNo, noYes []string
}

// always is the outcome of a step to which neither setting matters.
func always(where ...string) outcome { return outcome{where, where, where, where} }

// byDelete is the outcome of a step to which only delete matters.
func byDelete(no, yes []string) outcome { return outcome{no, yes, no, yes} }

// byRename is the outcome of a change of address.
func byRename(rename, noNo, noYes []string) outcome { return outcome{rename, rename, noNo, noYes} }

func (o outcome) of(rename, remove string) []string {
	return map[string][]string{
		"yes no": o.yesNo, "yes yes": o.yesYes, "no no": o.noNo, "no yes": o.noYes,
	}[rename+" "+remove]
}

// world is what a step can do: the directory, and names of its own for each case.
type world struct {
	*harness.Directory
	name string
	// home is the mail home server of people who are added.
	home string
}

// person returns the person that a case knows by a letter.
func (w world) person(letter string) harness.Person {
	return harness.Person{UID: w.name + "-" + letter, Mail: w.mail(letter), Home: w.home}
}

// mail returns a case's address, dn the DN of its person below ou=people.
func (w world) mail(letter string) string { return w.name + "-" + letter + "@" + harness.MailDomain }
func (w world) dn(letter string) string   { return harness.DN(w.name + "-" + letter) }

// step is a change in the directory and what comes of it.
type step struct {
	change func(w world)
	want   outcome
}

// story is a row of the matrix: people who have a message each, and what happens to them.
type story struct {
	name string
	// people are letters: each stands for a person whose uid and address carry it.
	people []string
	// home is the mail home server of all of them.
	home  string
	steps []step
	// empty says that an empty home server plays a part, which is every Dovecot host and no Cyrus host.
	empty bool
}

const (
	mine  = harness.HostName
	other = "mail2.example.test"
)

func one(where string) []string         { return []string{where} }
func two(first, second string) []string { return []string{first, second} }

// stories are the events of a user's life, with the outcome that docs/architecture.md, "Stores", asks for.
func stories() []story { return slices.Concat(owners(), movers(), exchanges()) }

// cyrusStories are those of a Cyrus host: an empty home server is another one there.
func cyrusStories() []story {
	return append(slices.DeleteFunc(stories(), func(s story) bool { return s.empty }),
		story{name: "to-empty", people: []string{"a"}, steps: []step{
			{
				func(w world) { w.SetHome(w.dn("a"), "") },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.SetHome(w.dn("a"), mine) },
				always(live),
			},
		}},
		story{name: "to-empty-and-renamed", people: []string{"a"}, steps: []step{{
			func(w world) { w.Move(w.dn("a"), w.mail("new"), "") },
			byDelete(one(kept), one(trash)),
		}}},
	)
}

// owners are the events of one user who stays on this host.
func owners() []story {
	return []story{
		{name: "address", people: []string{"a"}, steps: []step{
			{
				func(w world) { w.SetMail(w.dn("a"), w.mail("new")) },
				byRename(one(live), one(aside), one(trash)),
			},
			{
				// A store that was left behind comes back with its address.
				func(w world) { w.SetMail(w.dn("a"), w.mail("a")) },
				always(live),
			},
		}},
		{name: "address-home", people: []string{"a"}, home: mine, steps: []step{{
			func(w world) { w.SetMail(w.dn("a"), w.mail("new")) },
			byRename(one(live), one(aside), one(trash)),
		}}},
		{name: "case", people: []string{"a"}, steps: []step{{
			func(w world) { w.SetMail(w.dn("a"), "CASE-A@Example.TEST") },
			always(live),
		}}},
		{name: "uid", people: []string{"a"}, steps: []step{{
			func(w world) { w.Rename(w.dn("a"), "uid=uid-renamed", "") },
			always(live),
		}}},
		{name: "case-uid-address", people: []string{"a"}, home: mine, steps: []step{{
			func(w world) {
				w.SetMail(w.Rename(w.dn("a"), "uid=CASE-UID-B", ""), "Case-Uid-Address-New@example.test")
			},
			byRename(one(live), one(aside), one(trash)),
		}}},
		{name: "ou", people: []string{"a"}, steps: []step{{
			func(w world) { w.Rename(w.dn("a"), "uid=ou-a", harness.StaffDN) },
			always(live),
		}}},
		{name: "deleted", people: []string{"a"}, steps: []step{{
			func(w world) { w.Delete(w.dn("a")) },
			byDelete(one(kept), one(trash)),
		}}},
		{name: "recreated", people: []string{"a"}, steps: []step{
			{
				func(w world) { w.Delete(w.dn("a")) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.AddPerson(w.person("a")) },
				byDelete(one(yielded), one(trash)),
			},
		}},
		{name: "recreated-at-once", people: []string{"a"}, steps: []step{{
			func(w world) { w.Delete(w.dn("a")); w.AddPerson(w.person("a")) },
			byDelete(one(yielded), one(trash)),
		}}},
		{name: "reused", people: []string{"a"}, steps: []step{{
			func(w world) {
				w.SetMail(w.dn("a"), w.mail("new"))
				w.AddPerson(harness.Person{UID: w.name + "-b", Mail: w.mail("a"), Home: w.home})
			},
			byRename(one(live), one(quarantine), one(trash)),
		}}},
		{name: "removed", people: []string{"a"}, steps: []step{
			{
				func(w world) { w.SetMail(w.dn("a"), "") },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.SetMail(w.dn("a"), w.mail("a")) },
				always(live),
			},
		}},
		{name: "class", people: []string{"a"}, steps: []step{
			{
				func(w world) { w.RemoveMailClass(w.dn("a")) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) {
					w.AddMailClass(w.dn("a"), w.mail("a"))
					if w.home != "" {
						w.SetHome(w.dn("a"), w.home)
					}
				},
				always(live),
			},
		}},
		{name: "class-deleted", people: []string{"a"}, home: mine, steps: []step{
			{
				func(w world) { w.RemoveMailClass(w.dn("a")) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.Delete(w.dn("a")) },
				byDelete(one(kept), one(trash)),
			},
		}},
	}
}

// movers are the events of one user whose mail home server changes.
func movers() []story {
	return []story{
		{name: "moved-away", people: []string{"a"}, home: mine, steps: []step{
			{
				func(w world) { w.SetHome(w.dn("a"), other) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.SetHome(w.dn("a"), mine) },
				always(live),
			},
		}},
		{name: "empty-to-other", empty: true, people: []string{"a"}, steps: []step{
			{
				func(w world) { w.SetHome(w.dn("a"), other) },
				always(kept),
			},
			{
				func(w world) { w.SetHome(w.dn("a"), "") },
				always(live),
			},
		}},
		{name: "empty-to-mine", empty: true, people: []string{"a"}, steps: []step{
			{
				func(w world) { w.SetHome(w.dn("a"), mine) },
				always(live),
			},
			{
				func(w world) { w.SetHome(w.dn("a"), "") },
				always(live),
			},
		}},
		{name: "away-renamed", people: []string{"a"}, home: mine, steps: []step{
			{
				// Address and home at once: the store is left under the old name.
				func(w world) { w.Move(w.dn("a"), w.mail("new"), other) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.Move(w.dn("a"), w.mail("a"), mine) },
				always(live),
			},
		}},
		{name: "away-from-empty-renamed", empty: true, people: []string{"a"}, steps: []step{
			{
				func(w world) { w.Move(w.dn("a"), w.mail("new"), other) },
				always(kept),
			},
			{
				func(w world) { w.Move(w.dn("a"), w.mail("a"), "") },
				always(live),
			},
		}},
		{name: "to-mine-renamed", empty: true, people: []string{"a"}, steps: []step{{
			func(w world) { w.Move(w.dn("a"), w.mail("new"), mine) },
			byRename(one(live), one(aside), one(trash)),
		}}},
		{name: "to-empty-renamed", empty: true, people: []string{"a"}, home: mine, steps: []step{{
			func(w world) { w.Move(w.dn("a"), w.mail("new"), "") },
			byRename(one(live), one(aside), one(trash)),
		}}},
		{name: "away-far", people: []string{"a"}, home: mine, steps: []step{
			{
				func(w world) { w.SetHome(w.dn("a"), other) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.Move(w.dn("a"), w.mail("new"), "mail3.example.test") },
				byDelete(one(kept), one(trash)),
			},
		}},
		{name: "away-deleted", people: []string{"a"}, home: mine, steps: []step{
			{
				func(w world) { w.SetHome(w.dn("a"), other) },
				byDelete(one(kept), one(trash)),
			},
			{
				func(w world) { w.Delete(w.dn("a")) },
				byDelete(one(kept), one(trash)),
			},
		}},
		{name: "away-removed", people: []string{"a"}, home: mine, steps: []step{{
			func(w world) {
				w.SetHome(w.dn("a"), other)
				w.SetMail(w.dn("a"), "")
			},
			byDelete(one(kept), one(trash)),
		}}},
		{name: "ou-moved-away", people: []string{"a"}, home: mine, steps: []step{{
			func(w world) {
				w.SetHome(w.Rename(w.dn("a"), "uid=ou-moved-away-b", harness.StaffDN), other)
			},
			byDelete(one(kept), one(trash)),
		}}},
	}
}

// exchanges are the events of several users who take each other's addresses.
func exchanges() []story {
	return []story{
		{name: "swap", people: []string{"a", "b"}, steps: []step{{
			func(w world) {
				w.SetMail(w.dn("a"), w.mail("b"))
				w.SetMail(w.dn("b"), w.mail("a"))
			},
			byRename(two(live, live), two(quarantine, quarantine), two(trash, trash)),
		}}},
		{name: "cycle", people: []string{"a", "b", "c"}, steps: []step{{
			func(w world) {
				w.SetMail(w.dn("a"), w.mail("b"))
				w.SetMail(w.dn("b"), w.mail("c"))
				w.SetMail(w.dn("c"), w.mail("a"))
			},
			byRename([]string{live, live, live}, []string{quarantine, quarantine, quarantine}, []string{trash, trash, trash}),
		}}},
		{name: "swap-by-third", people: []string{"a", "b"}, steps: []step{{
			func(w world) {
				w.SetMail(w.dn("a"), w.mail("between"))
				w.SetMail(w.dn("b"), w.mail("a"))
				w.SetMail(w.dn("a"), w.mail("b"))
			},
			byRename(two(live, live), two(quarantine, quarantine), two(trash, trash)),
		}}},
		{name: "chain", people: []string{"a", "b"}, steps: []step{{
			// b makes room for a.
			func(w world) {
				w.SetMail(w.dn("b"), w.mail("c"))
				w.SetMail(w.dn("a"), w.mail("b"))
			},
			byRename(two(live, live), two(aside, quarantine), two(trash, trash)),
		}}},
		{name: "chain-backwards", people: []string{"a", "b"}, steps: []step{{
			// a comes before b has made room.
			func(w world) {
				w.SetMail(w.dn("a"), w.mail("b"))
				w.SetMail(w.dn("b"), w.mail("c"))
			},
			byRename(two(live, live), two(aside, quarantine), two(trash, trash)),
		}}},
	}
}
