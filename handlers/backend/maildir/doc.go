// Package maildir keeps mail homes as directories of a spool.
package maildir
