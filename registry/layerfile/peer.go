package layerfile

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// PeerLine is a line of a layer file of the peer that sets a variable, or that does not although it looks so.
type PeerLine struct {
	// Number counts from 1.
	Number     int
	Key, Value string
	// Ignored is why the line means nothing, "" for one that sets Key to Value.
	Ignored string
}

// DecodePeer reads a layer file of the peer, such as its base.conf, as the peer does: a line is KEY, a colon, a blank and
// the value, without the white space around it; a line with a # before its first colon is a comment. Nothing is escaped. Of
// a key that is there twice the last line counts. Empty lines and those that begin with # are left out; whatever else the
// peer passes over in silence is returned with the reason. Whether it allows a key is the matter of CheckKey.
func DecodePeer(data []byte) []PeerLine {
	var all []PeerLine
	last := map[string]int{} // where in all a key was set last
	for i, text := range strings.Split(string(data), "\n") {
		if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		line := peerLine(text)
		line.Number = i + 1
		if line.Ignored == "" {
			if before, twice := last[line.Key]; twice {
				all[before].Ignored = fmt.Sprintf("%s is set again in line %d", line.Key, line.Number)
			}
			last[line.Key] = len(all)
		}
		all = append(all, line)
	}
	return all
}

func peerLine(text string) PeerLine {
	before, _, colon := strings.Cut(text, ":")
	key, value, ok := strings.Cut(text, ": ")
	switch {
	case !utf8.ValidString(text):
		return PeerLine{Ignored: "not UTF-8 text"}
	case colon && strings.Contains(before, "#"):
		return PeerLine{Ignored: "a # before the colon makes it a comment"}
	case !ok:
		return PeerLine{Ignored: "not of the form KEY: VALUE"}
	}
	return PeerLine{Key: key, Value: strings.TrimSpace(value)}
}
