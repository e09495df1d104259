package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// The file of what was settled, below the root.
const (
	memoryDir  = "/var/lib/mailreg"
	memoryName = "folders.json"
)

// memory is whom the rights of each folder mean, as the file has it.
type memory struct {
	Version int                      `json:"version"`
	Folders map[schema.UUID]bindings `json:"folders"`
}

// equal reports whether both say the same.
func (m memory) equal(o memory) bool {
	return maps.EqualFunc(m.Folders, o.Folders, func(a, b bindings) bool { return maps.Equal(a, b) })
}

// readMemory returns what was settled; a host that has no such file has settled nothing.
func readMemory(root string) (memory, error) {
	m := memory{Version: 1, Folders: map[schema.UUID]bindings{}}
	name := filepath.Join(root, memoryDir, memoryName)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err == nil && (m.Version != 1 || m.Folders == nil) {
		err = errors.New("it has another version")
	}
	if err != nil {
		return m, fmt.Errorf("reading %s: %w", name, err)
	}
	return m, nil
}

// write keeps the memory so that a crash leaves this one or the former.
func (m memory) write(root string) error {
	path := filepath.Join(root, memoryDir)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	dir, err := confine.Open(path, nil)
	if err != nil {
		return err
	}
	defer dir.Close()
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := dir.Replace(memoryName, append(data, '\n'), confine.Caller()); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Join(path, memoryName), err)
	}
	return nil
}
