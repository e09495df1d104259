// Package hook runs the programs of the configured services: checks of staged files, table builds, reloads.
package hook
