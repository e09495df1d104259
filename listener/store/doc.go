// Package store keeps the replica: entries, what each handler has acknowledged, what waits, and the provider's cookie, in one bbolt file.
package store
