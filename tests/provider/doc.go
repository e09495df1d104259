// Package provider tests what a real directory server does against what the listener relies on (servers-ldap §2,
// peer-listeners (c)).
package provider
