// Package quota says how much mail users may keep.
package quota
