// Package mailbox gives each mail user a mailbox and keeps it with the user.
package mailbox
