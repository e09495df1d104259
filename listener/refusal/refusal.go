package refusal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/wire"
)

// The pauses before a server is asked again that a person has to change first. Limited is longer: until the limit every
// attempt is a load of the directory.
const (
	Limited = 5 * time.Minute
	Refused = time.Minute
)

// Asked is what was refused.
type Asked struct {
	// Who binds, as a DN or "EXTERNAL"; "" for nobody.
	Who string
	// Base is the DN that is searched, "" for a bind.
	Base string
	// Entries is how many the search had brought.
	Entries int
	// Cookie is set when the search went on from one.
	Cookie bool
}

// Error is a result that is no success, with what it means for us.
type Error struct {
	Result *wire.Result
	// Advice says what it means and what a person can do; "" when the result says enough.
	Advice string
	// Pause is the least time before the same server is asked for the same again.
	Pause time.Duration
	// Reload is set when the cookie is the reason; Rewound as well when the server has fallen behind it.
	Reload, Rewound bool
	// Persist is set when it may be the wish for a persistent search that was refused.
	Persist bool
}

// Error gives the result and the advice.
func (e *Error) Error() string {
	if e.Advice == "" {
		return e.Result.Error()
	}
	return e.Result.Error() + ": " + e.Advice
}

// Unwrap returns the result.
func (e *Error) Unwrap() error { return e.Result }

// Delay is Pause: listener.Delayer.
func (e *Error) Delay() time.Duration { return e.Pause }

// Explain adds what it means to an error that rests on a result. Others, and those that are explained, are returned as they
// are.
func Explain(err error, asked Asked) error {
	result, refused := errors.AsType[*wire.Result](err)
	if _, done := errors.AsType[*Error](err); !refused || done {
		return err
	}
	return explained{err, Of(result, asked)}
}

// explained is an error with what it means.
type explained struct {
	error
	meaning *Error
}

// Error gives the error and the advice.
func (e explained) Error() string {
	if e.meaning.Advice == "" {
		return e.error.Error()
	}
	return e.error.Error() + ": " + e.meaning.Advice
}

// Unwrap returns both.
func (e explained) Unwrap() []error { return []error{e.error, e.meaning} }

// Of says what a result means. It must not be a success.
func Of(r *wire.Result, asked Asked) *Error {
	if asked.Who == "" {
		asked.Who = "nobody (ldap/hostdn is not set)"
	}
	e := &Error{Result: r}
	if asked.Base == "" {
		e.Pause, e.Advice = bind(r.Code, asked)
		return e
	}
	switch r.Code {
	case ldap.LDAPResultSyncRefreshRequired:
		e.Reload = asked.Cookie
	case ldap.LDAPResultUnwillingToPerform:
		if asked.Cookie {
			e.Reload, e.Rewound = true, true
			e.Advice = "the server is behind what it has told before: it was restored from a backup, or has crashed"
			return e
		}
	case ldap.LDAPResultProtocolError, ldap.LDAPResultUnavailableCriticalExtension:
		e.Persist = true
	}
	e.Pause, e.Advice = search(r, asked)
	return e
}

func bind(code int64, asked Asked) (time.Duration, string) {
	switch code {
	case ldap.LDAPResultInvalidCredentials:
		return 0, "the password in the file of ldap/secret is not that of " + asked.Who + ", or there is no such account"
	case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform:
		return Refused, "the server does not let " + asked.Who + " bind in this way"
	default:
		return both(code)
	}
}

// both is what a code means anywhere.
func both(code int64) (time.Duration, string) {
	switch code {
	case ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired:
		return Refused, "the server wants TLS: set ldap/starttls=require, or an ldaps:// address in ldap/uri"
	default:
		return 0, ""
	}
}

func search(r *wire.Result, asked Asked) (time.Duration, string) {
	kept := "; until then nothing is removed"
	limits := fmt.Sprintf("lift it for %s (OpenLDAP: limits dn.exact=%q size=unlimited time=unlimited)", asked.Who, asked.Who)
	switch r.Code {
	case ldap.LDAPResultSizeLimitExceeded:
		return Limited, fmt.Sprintf("the server's size limit has cut the search after %d entries: %s%s", asked.Entries, limits, kept)
	case ldap.LDAPResultTimeLimitExceeded:
		return Limited, fmt.Sprintf("the server's time limit has cut the search after %d entries: %s%s", asked.Entries, limits, kept)
	case ldap.LDAPResultAdminLimitExceeded:
		return Limited, fmt.Sprintf("an administrative limit has cut the search after %d entries: lift it for %s, or index the"+
			" attributes of the filter%s", asked.Entries, asked.Who, kept)
	case ldap.LDAPResultNoSuchObject:
		return Refused, fmt.Sprintf("the server has no %q, or hides it from %s: see ldap/base", asked.Base, asked.Who)
	case ldap.LDAPResultReferral:
		return Refused, fmt.Sprintf("the server does not hold %q, but names %s", asked.Base, strings.Join(r.Referral, ", "))
	case ldap.LDAPResultInsufficientAccessRights:
		return Refused, fmt.Sprintf("%s may not search below %q", asked.Who, asked.Base)
	case ldap.LDAPResultUnwillingToPerform:
		return Refused, "the server does not serve this search"
	case ldap.LDAPResultProtocolError, ldap.LDAPResultUnavailableCriticalExtension:
		return 0, "the server does not serve a search that persists by RFC 4533 (OpenLDAP: the overlay syncprov)"
	default:
		return both(r.Code)
	}
}
