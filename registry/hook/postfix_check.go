package hook

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// checker collects what is wrong with a staged Postfix config.
type checker struct {
	stage, live string
	local       map[string]bool
	warnings    []string
	refused     []error
}

// ageAll is age for the files of a stage that every program of Postfix reads. One need not be there.
func ageAll(stage string) error {
	for _, file := range []string{"main.cf", "master.cf"} {
		if err := age(filepath.Join(stage, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// age makes a file look as if it had not been changed just now: Postfix waits until main.cf and master.cf are more than a
// second old, for fear of half a file. Until then postconf 3.10 takes $config_directory for /etc/postfix.
func age(path string) error {
	old := time.Now().Add(-time.Minute)
	return os.Chtimes(path, old, old)
}

// run runs a program over the stage. With strict, each line on stderr counts, whatever the status.
func (c *checker) run(ctx context.Context, strict bool, name string, args ...string) {
	r, err := run(ctx, name, args...)
	failed := err != nil
	// The lines say what is wrong; that the program has failed says nothing more.
	for line := range strings.Lines(r.Stderr) {
		if line = c.clean(line); line != "" && (strict || failed) {
			c.note(line)
			err = nil
		}
	}
	if err != nil {
		c.refused = append(c.refused, err)
	}
}

var message = sync.OnceValue(compile(`^[a-z/]+: (warning|error|fatal|panic): `))

// clean strips the program's name from a message and shows the live path in place of the stage's.
func (c *checker) clean(line string) string {
	line = message().ReplaceAllString(strings.TrimSpace(line), "")
	return strings.ReplaceAll(line, c.stage, c.live)
}

// subject finds the parameter that a message is about: "unused parameter: NAME=VALUE", "overriding earlier entry:
// NAME=VALUE", "undefined parameter: NAME", "bad numerical configuration: NAME = VALUE".
var subject = sync.OnceValue(compile(`(?:parameter|entry|configuration|value):? ([A-Za-z0-9_]+)\b`))

// tolerated are remarks of Postfix 3.9 and later about what works as before: a value with a word that begins with "#" is
// taken as it is, and a parameter that goes one day is still there.
var tolerated = sync.OnceValue(compile(`#comment after other text is not allowed|support for parameter .* will be removed`))

// note refuses because of a message, or warns when it is about what a .local file says, or one of the tolerated.
func (c *checker) note(line string) {
	found := subject().FindStringSubmatch(line)
	if found != nil && c.local[found[1]] || tolerated().MatchString(line) {
		if !slices.Contains(c.warnings, line) {
			c.warnings = append(c.warnings, line)
		}
		return
	}
	if !slices.ContainsFunc(c.refused, func(err error) bool { return err.Error() == line }) {
		c.refused = append(c.refused, errors.New(line))
	}
}

// localName finds what a .local file sets ("NAME = ...", "-o NAME=...") or refers to ("$NAME").
var localName = sync.OnceValue(compile(`(?m)(?:^|-o\s+|-o\s*\{\s*|\$[({]?)([A-Za-z0-9_]+)`))

func localNames(stage string) map[string]bool {
	names := map[string]bool{}
	for _, file := range []string{"main.cf.local", "master.cf.local"} {
		data, err := os.ReadFile(filepath.Join(stage, file))
		if err != nil {
			continue // there need not be one
		}
		for _, found := range localName().FindAllSubmatch(data, -1) {
			names[string(found[1])] = true
		}
	}
	return names
}
