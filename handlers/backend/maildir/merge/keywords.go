package merge

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

const (
	keywordsName  = "dovecot-keywords"
	keywordsLimit = 1 << 16
	// keywordsLock is what Dovecot holds while it writes the file, for milliseconds.
	keywordsLock = "dovecot-uidlist.lock"
	lockTries    = 100
	lockPause    = 10 * time.Millisecond
)

// keywordLetters returns how a letter of the source's dovecot-keywords reads in the target's; nil when they are the same
// or the target takes over the source's file. Keywords that the target has not seen yet are added to its file. One for which
// there is no letter left is lost.
func (m *merger) keywordLetters(source, target *confine.Dir) (func(byte) (byte, bool), error) {
	mine, found, err := readKeywords(source)
	if err != nil || !found {
		return nil, err
	}
	theirs, found, err := readKeywords(target)
	if err != nil || !found {
		return nil, err
	}
	if len(missing(mine, theirs)) > 0 {
		if theirs, err = m.addKeywords(target, mine); err != nil {
			return nil, err
		}
	}
	byName := map[string]byte{}
	for letter, name := range theirs {
		byName[name] = letter
	}
	return func(c byte) (byte, bool) {
		letter, ok := byName[mine[c]]
		return letter, ok
	}, nil
}

// missing returns the keywords of one file that another lacks, in the order of their letters.
func missing(mine, theirs map[byte]string) (names []string) {
	known := slices.Collect(maps.Values(theirs))
	for _, letter := range slices.Sorted(maps.Keys(mine)) {
		if !slices.Contains(known, mine[letter]) {
			names = append(names, mine[letter])
		}
	}
	return names
}

// addKeywords adds keywords to a folder's file while Dovecot may not write it. When it does not get the lock the file stays
// as it is.
func (m *merger) addKeywords(target *confine.Dir, mine map[byte]string) (map[byte]string, error) {
	if locked, err := m.lockKeywords(target); err != nil || !locked {
		theirs, _, readErr := readKeywords(target)
		return theirs, errors.Join(err, readErr)
	}
	theirs, _, err := readKeywords(target)
	if err == nil {
		for _, name := range missing(mine, theirs) {
			for letter := byte('a'); letter <= 'z'; letter++ {
				if theirs[letter] == "" {
					theirs[letter] = name
					break
				}
			}
		}
		var text strings.Builder
		for _, letter := range slices.Sorted(maps.Keys(theirs)) {
			fmt.Fprintf(&text, "%d %s\n", letter-'a', theirs[letter])
		}
		err = target.Replace(keywordsName, []byte(text.String()), m.owner)
	}
	return theirs, errors.Join(err, target.Remove(keywordsLock))
}

func (m *merger) lockKeywords(target *confine.Dir) (bool, error) {
	for range lockTries {
		err := target.Create(keywordsLock, nil, m.owner)
		if !errors.Is(err, fs.ErrExist) {
			return err == nil, err
		}
		time.Sleep(lockPause)
	}
	return false, nil
}

// readKeywords reads lines such as "0 $Forwarded": the number stands for a letter, 0 for a.
func readKeywords(d *confine.Dir) (map[byte]string, bool, error) {
	data, err := d.Read(keywordsName, keywordsLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	names := map[byte]string{}
	for text := range strings.Lines(string(data)) {
		number, name, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
		if n, err := strconv.Atoi(number); err == nil && n >= 0 && n < 26 {
			names['a'+byte(n)] = name
		}
	}
	return names, true, nil
}
