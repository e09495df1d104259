// Package sharing makes shared folders and their rights known to a Dovecot, 2.3 or 2.4, without a call to it.
//
// Who may do what stands in files that Dovecot looks at again when they change, below /var/lib/mailreg/dovecot:
//
//	acl              the rights to all shared folders of this host and to what lies below them, however it came about:
//	                 "shared/team@x.test" "user=a@x.test" lrws
//	                 "shared/team@x.test/*" "user=a@x.test" lrws
//	groups           a user database: who is in which of the groups that acl names, nested ones included:
//	                 a@x.test:::::::userdb_acl_groups=Sales,Domain=20Users
//	shared/boxes     Dovecot's own list of who has been given something by whom, which LIST goes by; users who share a folder
//	                 of theirs have lines in it, too
//
// The inbox of each folder has the same rights in a file dovecot-acl of its own: when Dovecot makes the list anew, it does so
// from there. Both are the directory's, and what a user has changed in them goes with the next change there; rights to
// subfolders are users' to set.
//
// A group stands in these files by its name with all bytes but letters, digits and ._@+- as =XX, because Dovecot separates by
// blanks and commas.
//
// A folder with an address is the mail home of that address. One without has the same home, with the inbox as .INBOX, and a
// namespace of its own in dovecot.conf, which a registry variable gives it (templates/stock/dovecot/dovecot.conf/57-acl).
package sharing
