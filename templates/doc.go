// Package templates holds the stock templates of all config files, the manifests that say what becomes of them, the
// renderer, and the format writers through which every value reaches a file.
//
// It imports nothing of ours: the renderer sees the registry through the Settings interface.
package templates
