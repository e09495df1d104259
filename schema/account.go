package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Names of the attributes that say who may log in, and when. Directories have some of them: those of UCS (shadow, Samba and
// Kerberos together), of OpenLDAP's password policies, of 389-ds (nsAccountLock), of eDirectory (loginDisabled), and of
// Active Directory (the last three). FreeIPA's krbPrincipalExpiration has the form of krb5ValidEnd, and goes by that name.
const (
	AttrShadowExpire     = "shadowExpire"
	AttrShadowLastChange = "shadowLastChange"
	AttrShadowMax        = "shadowMax"
	AttrSambaFlags       = "sambaAcctFlags"
	AttrSambaKickoff     = "sambaKickoffTime"
	AttrKDCFlags         = "krb5KDCFlags"
	AttrValidEnd         = "krb5ValidEnd"
	AttrLockedTime       = "pwdAccountLockedTime"
	AttrAccountLock      = "nsAccountLock"
	AttrLoginDisabled    = "loginDisabled"
	AttrAccountControl   = "userAccountControl"
	AttrAccountExpires   = "accountExpires"
	AttrLockoutTime      = "lockoutTime"

	// AttrPasswordChanged and AttrSambaPasswordSet tell when the password was changed. No hash is ever asked for.
	AttrPasswordChanged  = "pwdChangedTime"
	AttrSambaPasswordSet = "sambaPwdLastSet"
)

// AccountAttributes are the attributes that ParseAccount reads.
func AccountAttributes() []string {
	return []string{
		AttrShadowExpire, AttrShadowLastChange, AttrShadowMax, AttrSambaFlags, AttrSambaKickoff, AttrKDCFlags, AttrValidEnd, AttrLockedTime,
		AttrAccountLock, AttrLoginDisabled, AttrAccountControl, AttrAccountExpires, AttrLockoutTime, AttrPasswordChanged, AttrSambaPasswordSet,
	}
}

// Access says whether somebody may log in, and if not, why.
type Access string

// The states of an account; the first that holds counts.
const (
	Open            Access = ""
	Disabled        Access = "disabled"
	Expired         Access = "expired"
	Locked          Access = "locked"
	PasswordExpired Access = "password expired"
)

// Account is the typed view of who may log in.
type Account struct {
	// Password is the time of the last change of the password as the directory prints it, "" when it does not tell.
	Password string

	spans []span
}

// span is a time in which an account is closed. A zero begin is always, a zero end never.
type span struct {
	access     Access
	begin, end time.Time
}

func (s span) holds(at time.Time) bool {
	return !at.Before(s.begin) && (s.end.IsZero() || at.Before(s.end))
}

// At returns the state at a time, and until when that is so without a change of the entry; zero is for ever.
func (a Account) At(at time.Time) (access Access, until time.Time) {
	access = a.access(at)
	for until = a.Next(at); !until.IsZero() && a.access(until) == access; {
		until = a.Next(until)
	}
	return access, until
}

func (a Account) access(at time.Time) Access {
	for _, access := range []Access{Disabled, Expired, Locked, PasswordExpired} {
		for _, s := range a.spans {
			if s.access == access && s.holds(at) {
				return access
			}
		}
	}
	return Open
}

// Next returns the first moment after a time at which the state may change by itself, zero when there is none.
func (a Account) Next(after time.Time) (next time.Time) {
	for _, s := range a.spans {
		for _, edge := range []time.Time{s.begin, s.end} {
			if edge.After(after) && (next.IsZero() || edge.Before(next)) {
				next = edge
			}
		}
	}
	return next
}

// Flags of userAccountControl ([MS-ADTS] 2.2.16), of krb5KDCFlags (Heimdal's hdb), and the lock of a password policy that
// never ends by itself (draft-behera-ldap-password-policy, 5.3.3).
const (
	adDisabled   = 0x2
	adLockout    = 0x10
	kdcInvalid   = 1 << 7
	kdcLockedOut = 1 << 17
	lockedOpen   = "000001010000Z"
	day          = 24 * 60 * 60
)

// ParseAccount reads the state of an account. lockout is how long a lock lasts that the directory has set because of wrong
// passwords: it stays in the entry until the next login that works. Without one (0) the lock lasts as long as it stands
// there. The error names values that cannot be read; the account is what the others say.
func ParseAccount(e *Entry, lockout time.Duration) (Account, error) {
	r := accountReader{entry: e, lockout: lockout}
	r.flags()
	r.dates()
	r.locks()
	r.password()
	for _, name := range []string{AttrPasswordChanged, AttrSambaPasswordSet, AttrShadowLastChange} {
		r.account.Password += e.First(name) + " "
	}
	r.account.Password = strings.TrimSpace(r.account.Password)
	if r.bad != nil {
		return r.account, Invalidf("%s: %s", e.DN, strings.Join(r.bad, ", "))
	}
	return r.account, nil
}

type accountReader struct {
	entry   *Entry
	lockout time.Duration
	account Account
	bad     []string
}

func (r *accountReader) close(access Access, begin, end time.Time) {
	r.account.spans = append(r.account.spans, span{access, begin, end})
}

// number reads a decimal number; -1 is none in shadow(5), and what an attribute that is not there counts as.
func (r *accountReader) number(name string) int64 {
	value := r.entry.First(name)
	if value == "" {
		return -1
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		r.bad = append(r.bad, fmt.Sprintf("%s: %.40q is no number", name, value))
		return -1
	}
	return n
}

func (r *accountReader) flags() {
	var zero time.Time
	isTrue := func(name string) bool { return strings.EqualFold(r.entry.First(name), "true") }
	samba := r.entry.First(AttrSambaFlags)
	kdc, control := max(r.number(AttrKDCFlags), 0), max(r.number(AttrAccountControl), 0)
	if isTrue(AttrAccountLock) || isTrue(AttrLoginDisabled) || strings.Contains(samba, "D") || kdc&kdcInvalid != 0 || control&adDisabled != 0 {
		r.close(Disabled, zero, zero)
	}
	if strings.Contains(samba, "L") || kdc&kdcLockedOut != 0 || control&adLockout != 0 {
		r.close(Locked, zero, zero)
	}
}

// dates reads when an account expires. shadowExpire counts days, in UTC as pam_unix does; UCS disables by setting it to 1.
func (r *accountReader) dates() {
	expires := func(at time.Time) { r.close(Expired, at, time.Time{}) }
	switch days := r.number(AttrShadowExpire); {
	case days == 1:
		r.close(Disabled, time.Time{}, time.Time{})
	case days >= 0 && days < 1<<22:
		expires(time.Unix(days*day, 0).UTC())
	}
	if seconds := r.number(AttrSambaKickoff); seconds > 0 && seconds < 1<<31-1 {
		expires(time.Unix(seconds, 0).UTC())
	}
	if at, ok := r.time(AttrValidEnd); ok {
		expires(at)
	}
	if ticks := r.number(AttrAccountExpires); ticks > 0 && ticks < 1<<63-1 { // 0 and the largest number are never
		expires(fileTime(ticks))
	}
}

func (r *accountReader) locks() {
	lock := func(at time.Time) {
		end := time.Time{}
		if r.lockout > 0 {
			end = at.Add(r.lockout)
		}
		r.close(Locked, at, end)
	}
	switch value := r.entry.First(AttrLockedTime); value {
	case lockedOpen:
		r.close(Locked, time.Time{}, time.Time{})
	default:
		if at, ok := r.time(AttrLockedTime); ok {
			lock(at)
		}
	}
	if ticks := r.number(AttrLockoutTime); ticks > 0 {
		lock(fileTime(ticks))
	}
}

// password reads when a password expires, as pam_unix does: on the day after shadowMax days, or at once when the user has
// to choose another one. A shadowMax of 0 counts as none.
func (r *accountReader) password() {
	last, most := r.number(AttrShadowLastChange), r.number(AttrShadowMax)
	switch {
	case last == 0:
		r.close(PasswordExpired, time.Time{}, time.Time{})
	case last > 0 && last < 1<<22 && most > 0 && most < 99999:
		r.close(PasswordExpired, time.Unix((last+most+1)*day, 0).UTC(), time.Time{})
	}
}

// time reads a generalized time in UTC (RFC 4517 section 3.3.13) in the forms that servers write: minutes, seconds, or parts of them.
func (r *accountReader) time(name string) (at time.Time, ok bool) {
	value := r.entry.First(name)
	if value == "" {
		return at, false
	}
	for _, layout := range []string{"20060102150405Z", "20060102150405.999999999Z", "200601021504Z"} {
		if at, err := time.Parse(layout, value); err == nil {
			return at, true
		}
	}
	r.bad = append(r.bad, fmt.Sprintf("%s: %.40q is no time", name, value))
	return at, false
}

// fileTime returns the time of a number of 100 ns since 1601 ([MS-DTYP] 2.3.3).
func fileTime(ticks int64) time.Time {
	const epoch = 116444736000000000
	ticks -= epoch
	return time.Unix(ticks/1e7, ticks%1e7*100).UTC()
}
