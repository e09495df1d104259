// Package value knows the types of registry variables: how a text is checked against a declaration, and how it is read
// as a boolean, number, duration, size or list. It is pure: no files, no network.
package value
