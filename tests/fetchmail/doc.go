// Package fetchmail holds the stories of mail that is fetched from elsewhere, by a real fetchmail from a real Dovecot.
package fetchmail
