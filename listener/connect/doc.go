// Package connect opens connections to the directory server: which address, TLS, and as whom. The sync session and the
// probe use the same settings, so that both see the same directory with the same rights.
package connect
