// Package fetchmail has the mail of users fetched from elsewhere by fetchmail(1).
//
// Each user has a box: a file of mode 0600 below /var/lib/mailreg/fetchmail that names the mailboxes elsewhere, passwords
// included. A poll is one run of fetchmail for one mailbox: it reads its settings from standard input, so that a password
// stands in no other file, in no argument and in no environment. Polls of one user follow each other, those of several go
// side by side; a change of one user, or a server that hangs, disturbs no other. It runs as the account fetchmail of
// Debian's package, in a folder of the user's that holds what fetchmail remembers of messages that stay on the server.
//
//	UUID.json  the box, root only
//	UUID.last  how the last poll ended, root only
//	UUID/      what fetchmail keeps, of account fetchmail
package fetchmail
