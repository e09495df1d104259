package account

import (
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// User is one side of a change: a mail user, and who may log in as that.
type User struct {
	schema.Mailbox
	Account schema.Account
	// Version is the entryCSN.
	Version string
}

// Settings are what a plan depends on beside the entry.
type Settings struct {
	// Host is the own name in full, in lower case.
	Host string
	// Lockout is mail/account/lockout.
	Lockout time.Duration
}

// here reports whether the user's mail is on this host: nobody else logs in here.
func (s Settings) here(u *User) bool {
	return u != nil && !u.Primary.IsZero() && s.home(u)
}

func (s Settings) home(u *User) bool { return u.HomeServer == "" || u.HomeServer == s.Host }

// Plan is what a change asks for.
type Plan struct {
	// Access is what the account says, Open when there is none any more.
	Access schema.Access
	// Block are the names to be refused; none frees those that were refused.
	Block []string
	// Flush are the names that caches are to forget.
	Flush []string
	// Kick are the users whose sessions are to end.
	Kick []string
	// Ends says that access has ended, be it because the user is gone: then no session may be left.
	Ends bool
}

// NewPlan decides what a change asks for at a time. old and new are nil where there is no mail user.
//
// Sessions end where access has ended, and where the password was changed: whoever resets the password of a stolen account
// means all who use it. A master user who is logged in as a blocked user is no exception.
func NewPlan(old, new *User, s Settings, now time.Time) Plan {
	was, is := s.here(old), s.here(new)
	var p Plan
	// An address that we refuse may be one that the directory finds: it gets nobody past the block.
	if is || new != nil && new.Primary.IsZero() && s.home(new) {
		p.Access, _ = new.Account.At(now)
	}
	if !was && !is && p.Access == schema.Open {
		return p
	}
	for _, u := range []*User{old, new} {
		if u != nil {
			p.Flush = append(append(p.Flush, u.Names()...), u.Logins()...)
		}
	}
	if p.Access != schema.Open {
		p.Block = slices.DeleteFunc(new.Logins(), func(name string) bool {
			return !backend.Listable(name) // no Dovecot takes such a name at a login
		})
	}
	p.Ends = !is || p.Access != schema.Open
	if p.Ends || was && old.Account.Password != new.Account.Password {
		for _, u := range []*User{old, new} {
			if s.here(u) {
				p.Kick = append(p.Kick, u.Primary.String())
			}
		}
	}
	p.Flush, p.Kick = distinct(p.Flush), distinct(p.Kick)
	return p
}

func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// Steps are the plan in words.
func (p Plan) Steps() (steps []string) {
	add := func(verb string, names []string) {
		if len(names) > 0 {
			steps = append(steps, verb+" "+strings.Join(names, ", "))
		}
	}
	if p.Access != schema.Open {
		add("block ("+string(p.Access)+")", p.Block)
	}
	add("flush", p.Flush)
	add("kick", p.Kick)
	return steps
}
