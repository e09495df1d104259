// Package profile tells the whole life of a user's mail once for each kind of directory that a slapd can be.
package profile
