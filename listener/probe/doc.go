// Package probe asks the provider on a second connection: is this entry really gone, and how far are you?
package probe
