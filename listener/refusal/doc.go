// Package refusal says what it means when the directory refuses us, and what becomes of it. It does no I/O.
//
// Whatever the result of a session, nothing is removed because of it: only a refresh that ended in success can say that
// something has gone. Beyond that:
//
//	code       name                            where      what follows
//	2, 12      protocol, critical extension    search     the next session asks for refreshes only; refused as well: next address
//	3          timeLimitExceeded               search     next address, else again after Limited; the reason names the limit
//	4          sizeLimitExceeded               search     the same; the reason names how many entries came
//	11         adminLimitExceeded              search     the same
//	8, 13      stronger auth, confidentiality  both       next address, else again after Refused; the reason names ldap/starttls
//	10         referral                        search     next address, else again after Refused; the reason names the other server
//	32         noSuchObject                    search     the same; the base is missing or hidden
//	49         invalidCredentials              bind       next address; the password is read anew each time, and one that was
//	                                                      refused is offered again only after a growing pause (connect.Memory)
//	50         insufficientAccessRights        both       next address, else again after Refused
//	51, 52     busy, unavailable               both       next address, else again with the usual growing pause
//	53         unwillingToPerform              bind       next address, else again after Refused
//	53         the same, to a cookie           search     the server has fallen behind what it told: a backup, or a crash. An alarm;
//	                                                      everything is loaded anew, and then the server's word counts although
//	                                                      it is older. The old cookie stays until that has been committed
//	53         the same, without a cookie      search     as in a bind
//	4096       e-syncRefreshRequired           search     to a cookie: everything is loaded anew from the same address
//	others                                     both       next address, else again with the usual growing pause
//
// A code that comes behind the end of the refresh is no answer to the cookie: the server has gone on from it.
//
// "Next address" is connect.Memory.PassOver; without another address the pauses are the listener's to keep
// (listener.Delayer).
package refusal
