package templates

import "regexp"

// compile returns a regular expression for sync.OnceValue: most commands render nothing, and should not pay for it.
func compile(expr string) func() *regexp.Regexp {
	return func() *regexp.Regexp { return regexp.MustCompile(expr) }
}
