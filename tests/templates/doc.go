// Package templates asks the real servers' own readers what they make of rendered files.
package templates
