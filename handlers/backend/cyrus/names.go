package cyrus

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema"
)

const (
	// hidden is the domain of what was moved aside. RFC 2606 keeps it from ever being one of the mail system.
	hidden = "mailreg.invalid"
	// inboxes matches every inbox and no folder of one.
	inboxes = "user/%@%"
	// idLayout is the time in an id.
	idLayout = "20060102t150405z"
)

// area is where a store lies that was moved aside.
type area string

const (
	trash      area = "deleted"
	quarantine area = "quarantined"
)

// place returns the mailbox of an item, which is among the users or the shared folders as it was before.
func (a area) place(id, from string) string {
	top, _, _ := strings.Cut(from, "/")
	return top + "/." + string(a) + "-" + id + "@" + hidden
}

// inbox returns the mailbox of an address.
func inbox(a schema.Address) string { return "user/" + a.String() }

func asidePlace(uuid schema.UUID) string { return "user/.aside-" + uuid.String() + "@" + hidden }

// folder returns the mailbox of a folder of an inbox: user/a/Spam@x for Spam of user/a@x.
func folder(inbox, name string) string {
	local, domain := split(inbox)
	return local + "/" + name + "@" + domain
}

// split cuts the domain off. A local part may hold no "@", a domain neither.
func split(mailbox string) (path, domain string) {
	at := strings.LastIndexByte(mailbox, '@')
	if at < 0 {
		return mailbox, ""
	}
	return mailbox[:at], mailbox[at+1:]
}

// folderName is the inverse of folder; ok is false for a mailbox that is none of the inbox's folders.
func folderName(inbox, mailbox string) (name string, ok bool) {
	local, domain := split(inbox)
	path, of := split(mailbox)
	name, ok = strings.CutPrefix(path, local+"/")
	return name, ok && of == domain && name != ""
}

// inner reports whether a folder holds other things than mail: #sieve, #calendars, #addressbooks.
func inner(name string) bool { return strings.HasPrefix(name, "#") }

// addressOf returns the address that an inbox stands for, zero when it stands for none.
func addressOf(mailbox string) schema.Address {
	user, ok := strings.CutPrefix(mailbox, "user/")
	if !ok {
		return schema.Address{}
	}
	a, err := schema.ParseAddress(user)
	if err != nil || a.String() != user || a.Domain == hidden {
		return schema.Address{}
	}
	return a
}

// user returns the login name of whom an inbox belongs to.
func user(inbox string) string { return strings.TrimPrefix(inbox, "user/") }

// item tells of which area and id a mailbox is; ok is false for one that is in place or set aside on its way.
func item(mailbox string) (of area, id string, ok bool) {
	path, domain := split(mailbox)
	for _, of := range []area{trash, quarantine} {
		_, name, _ := strings.Cut(path, "/")
		id, found := strings.CutPrefix(name, "."+string(of)+"-")
		if found && domain == hidden && !strings.Contains(id, "/") {
			return of, id, true
		}
	}
	return "", "", false
}

// newID returns an id such as 20261124t053715z-4a1c9e02: the time, and eight digits by which the stores of an owner are found.
// Cyrus compares user names in lower case.
func newID(at time.Time, uuid schema.UUID, from string) string {
	tail := uuid.String()[:8]
	if uuid.IsZero() {
		h := fnv.New32a()
		h.Write([]byte(from))
		tail = fmt.Sprintf("%08x", h.Sum32())
	}
	return at.UTC().Format(idLayout) + "-" + tail
}

// checkAddress refuses what Cyrus cannot name, and what would be ours.
func checkAddress(a schema.Address) error {
	if a.Domain == hidden {
		return schema.Invalidf("address %q is in the domain of what was moved aside", a)
	}
	if i := strings.IndexAny(a.Local, "&^`{|}"); i >= 0 {
		return schema.Invalidf("address %q: Cyrus names no mailbox with %q", a, a.Local[i])
	}
	return nil
}
