// Package domain keeps the list of hosted mail domains.
package domain
