// Package wire is LDAP's own layer of bytes: BER elements as RFC 4511 §5.1 restricts them (definite lengths, tags of one
// byte), and messages read one at a time from a connection.
//
// It exists for the sync session. Decoding works on one string per message and slices it, so an entry costs one copy;
// general BER decoders that build a tree are more than ten times slower. What comes from the
// connection is untrusted: every length is checked before it is used.
package wire
