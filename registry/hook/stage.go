package hook

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// lookInside makes staged files refer to the stage where they refer to files of the live directory.
func lookInside(stage, live string, names ...string) error {
	reference := regexp.MustCompile(`(?m)(^|[\s:=,{<"])` + regexp.QuoteMeta(live) + "/")
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
