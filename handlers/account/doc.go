// Package account ends the access of people who may not log in any more, within a second, and gives it back.
//
// Reads: mail users, and all attributes by which directories close accounts (schema.Account).
//
// Does, in this order: writes who is blocked into the table var/lib/mailreg/dovecot/blocked, which Dovecot asks before all
// else when somebody logs in, and not when mail comes; has the authentication caches forget every name of whoever has
// changed, and of saslauthd all; ends the sessions of whoever lost access or has another password; and looks whether Dovecot
// refuses the login, and whether a session is left. One table serves all directories and ways of authentication, for a filter
// can tell neither all states nor what day it is. It holds while this program is down, for master users as well. A date that
// comes up (Wake) is acted on when it comes, or at the start.
//
// Any change of an entry, also one of nothing that is replicated, such as the password, has caches flushed: that is what its
// entryCSN tells. Whether it was the password the time of its change says, where the directory keeps that.
//
// Registry keys, read anew for each burst: hostname, domainname, mail/account/lockout, mail/saslauthd/cache/enabled.
//
// Failure: data that cannot be read is schema.ErrInvalid and names DN and attribute; the rest is done. A server that runs
// and does not answer is schema.TargetDown. An account that Dovecot still admits is tried again for ever.
package account
