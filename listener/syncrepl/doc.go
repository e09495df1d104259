// Package syncrepl follows a provider by RFC 4533 content synchronisation (refreshAndPersist).
//
// The request and response loop is ours, on a connection of its own: every session ends with an error that says why,
// nothing is buffered beyond one message, and each message's meaning follows from how the session began (peer-listeners
// (c) has what servers really send).
package syncrepl
