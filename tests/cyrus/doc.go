// Package cyrus breaks what the daemon does on a real Cyrus at each step, and looks whether everybody has exactly their own mail
// afterwards.
package cyrus
