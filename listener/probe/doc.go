// Package probe asks the provider on a second connection: is this entry really gone, and how far are you?
//
// A verdict that leads to deletes must rest on an answer, never on the lack of one: whatever is not plain is an error,
// and the caller asks again.
package probe
