// Package provider tests what a real directory server does against what the listener relies on.
package provider
