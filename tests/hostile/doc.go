// Package hostile writes into a directory what no administrator would, and looks at what comes of it.
package hostile
