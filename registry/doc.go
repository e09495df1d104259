// Package registry keeps the settings of the mail system: layered key/value files, typed declarations, transactions that
// are all or nothing, and the commit that renders every config file from them.
package registry
