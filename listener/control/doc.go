// Package control is the daemon's control API: HTTP with JSON on a unix socket, its types, its server and its client.
package control
