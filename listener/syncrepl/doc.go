// Package syncrepl follows a provider by RFC 4533 content synchronisation.
package syncrepl
