// Package advice tests what the daemon says about directory servers that were set up carelessly, and that what it says mends
// them.
package advice
