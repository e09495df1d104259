// Package sieve makes the Sieve script that a new mailbox begins with: it files what the spam filter is sure of. The text is
// the same for every server; how it gets there is the server's matter.
package sieve

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mailreg/mailreg/schema"
)

// mostStars is how many stars SpamAssassin writes at most, however high the score.
const mostStars = 50

// Script returns a script (RFC 5228) that moves into a folder what has at least hits points in X-Spam-Level, one star for
// each, rounded up ("5.0" is five, "5.1" six). The folder's name is UTF-8 as people write it; the folder is made when it is
// missing (RFC 5490). The same settings give the same bytes. A folder or number that cannot be is schema.ErrInvalid.
func Script(folder, hits string) ([]byte, error) {
	score, err := strconv.ParseFloat(hits, 64)
	if err != nil || math.IsNaN(score) {
		return nil, schema.Invalidf("mail/antispam/requiredhits: %q is not a number", hits)
	}
	if folder == "" || !utf8.ValidString(folder) || strings.ContainsFunc(folder, unicode.IsControl) {
		return nil, schema.Invalidf("the spam folder %q cannot be a folder", folder)
	}
	stars := min(max(int(math.Ceil(min(score, mostStars))), 1), mostStars)
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(folder) // RFC 5228 section 2.4.2
	return fmt.Appendf(nil, `# Files what the spam filter is sure of. It follows the settings of the server until you change it; from then on it is yours.
require ["fileinto", "mailbox"];

if header :contains "X-Spam-Level" "%s" {
  fileinto :create "%s";
  stop;
}
`, strings.Repeat("*", stars), name), nil
}
