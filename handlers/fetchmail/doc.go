// Package fetchmail has mail fetched for users who have mailboxes elsewhere.
//
// Reads: univentionMail entries with attributes of fetchmail: univentionFetchmailAddress, -Server, -Protocol, -Passwd,
// -KeepMailOnServer and -UseSSL (old releases of UCS), univentionFetchmailSingle and -Multi (JSON arrays, and what was
// written before them); mailPrimaryAddress, uid, univentionMailHomeServer.
//
// Does: keeps a box for each user whose home server is this host or empty, and polls it every fetchmail/interval. Mail goes
// to the primary address over the mail server of this host; what a mailbox for many holds goes to the recipients in the
// header that was agreed on. A change is polled for at once, and disturbs nobody else's polls. Nothing is written to the
// directory: where a UCS host has taken a password out of it, that is found in the /etc/fetchmailrc it left.
//
// Registry keys, read anew for each change and poll: fetchmail/{autostart,interval,parallel,cleartext}, hostname, domainname,
// mail/hosteddomains, mail/postfix/listen, mail/smtpport; at the start mailreg/service/fetchmail.
//
// Failure: what cannot be a mailbox is left out, and the entry is parked with the reason; the others are fetched. A mailbox
// that does not answer, or refuses the password, is polled again at the usual time, and noted. No password is in an error.
package fetchmail
