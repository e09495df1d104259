// Package hooks shows what happens between a staged file and a running server, on the servers themselves.
package hooks
