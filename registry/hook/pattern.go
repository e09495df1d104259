package hook

import "regexp"

// compile returns a regular expression for sync.OnceValue: compiling all of this package takes longer than most commands do,
// and few need any.
func compile(expr string) func() *regexp.Regexp {
	return func() *regexp.Regexp { return regexp.MustCompile(expr) }
}
