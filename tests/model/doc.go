// Package model holds the tests that do random things to a listener and its directory, and compare what comes of it with a
// model: what the directory holds.
package model
