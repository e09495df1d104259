package hook

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// lookInside makes staged files refer to the stage where they refer to files of the live directory.
func lookInside(stage, live string, names ...string) error {
	reference := regexp.MustCompile(`(?m)(^|[\s:=,{<"'])` + regexp.QuoteMeta(live) + "/")
	for _, name := range names {
		path := filepath.Join(stage, name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		moved := reference.ReplaceAll(data, []byte("${1}"+stage+"/"))
		if err := os.WriteFile(path, moved, 0o600); err != nil { // the mode matters for new files only
			return err
		}
	}
	return nil
}

// lookInsideAll is lookInside for all files of a stage. Links to files of the live directory lead to the staged ones then:
// Debian links sites-enabled/default to /etc/nginx/sites-available/default.
func lookInsideAll(stage, live string) error {
	return filepath.WalkDir(stage, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Type() == fs.ModeSymlink:
			target, err := os.Readlink(path)
			inside, found := strings.CutPrefix(target, live+"/")
			if err != nil || !found {
				return err
			}
			return errors.Join(os.Remove(path), os.Symlink(filepath.Join(stage, inside), path))
		case entry.Type().IsRegular():
			return lookInside(stage, live, strings.TrimPrefix(path, stage+"/"))
		}
		return nil
	})
}
