// Package control is the daemon's control API: HTTP with JSON on a unix socket: its types and its client.
// Package server answers.
//
// Every operation is one path, /v1/OPERATION, with the arguments as a JSON object in the body of a POST; operations
// without arguments and effects answer to GET as well, so that
//
//	curl --unix-socket /run/mailreg/control.sock http://mailreg/v1/status
//
// works. An answer is the result as JSON with status 200, or {"error": "..."} with status 400 (the arguments are wrong),
// 404 (no such operation, ID or handler), 503 (the daemon is stopping) or 500.
package control
