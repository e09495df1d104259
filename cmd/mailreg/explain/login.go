package explain

import (
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Login says whether a user may log in.
type Login struct {
	// State is open, disabled, expired, locked or "password expired".
	State string `json:"state"`
	// Until is when that changes by itself; zero when it does not.
	Until time.Time `json:"until,omitzero"`
	// Blocked says that this host refuses the user.
	Blocked bool `json:"blocked"`
	// Bad names attributes that cannot be read.
	Bad string `json:"bad,omitempty"`
}

// login applies the rules of handler account to an entry.
func login(entry *schema.Entry, f Facts) Login {
	a, err := schema.ParseAccount(entry, f.View.Duration("mail/account/lockout"))
	now := f.Now
	if now.IsZero() {
		now = time.Now()
	}
	l := Login{State: "open"}
	access, until := a.At(now)
	if access != schema.Open {
		l.State = string(access)
	}
	l.Until = until
	_, l.Blocked = f.Blocked[entry.UUID]
	if err != nil {
		l.Bad = strings.TrimPrefix(err.Error(), entry.DN+": ")
	}
	return l
}

// tell says it in words; here says that people log in on this host.
func (l Login) tell(here bool) string {
	text := l.State
	if !l.Until.IsZero() {
		text += " until " + l.Until.UTC().Format(time.RFC3339)
	}
	switch open := l.State == "open"; {
	case l.Blocked && open:
		text += "; but still refused here"
	case l.Blocked:
		text += ": refused here"
	case here && !open:
		text += "; but not refused here yet"
	}
	if l.Bad != "" {
		text += "; " + l.Bad
	}
	return text
}
