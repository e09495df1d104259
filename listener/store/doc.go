// Package store is the listener's durable state in one bbolt file: the replica, what each handler has acknowledged, what
// it still has to do, and the position in the provider's stream. Other packages see entries, marks and records, never
// bbolt.
package store
