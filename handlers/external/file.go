package external

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gopkg.in/ini.v1"

	"github.com/mailreg/mailreg/registry/hook/program"
	"github.com/mailreg/mailreg/schema/filter"
)

// Dir is where the files lie, below the root.
const Dir = "/etc/mailreg/handlers.d"

// suffix is that of the files which describe handlers; others are passed over.
const suffix = ".ini"

// File is what a file says.
type File struct {
	// Name is the handler's, that of the file without its suffix.
	Name string
	// Filter selects the entries, as Text says.
	Filter filter.Filter
	Text   string
	// Attributes are those that the program reads, as they are spelt.
	Attributes []string
	// Command is the program, an absolute path, with its arguments.
	Command []string
	// Timeout is how long one run may take.
	Timeout time.Duration
	// User is the account that the program runs as.
	User string
	// Parallel is how many runs there may be at once.
	Parallel int
	// Guard makes the brake count entries that go away.
	Guard bool
}

var (
	nameRule      = sync.OnceValue(compile(`^[a-z][a-z0-9-]{0,62}$`))
	attributeRule = sync.OnceValue(compile(`^[A-Za-z][A-Za-z0-9-]*$`))
)

// Load reads the files below a root. Those that cannot be used are left out, and notes say why; taken are the names of
// handlers that they may not have.
func Load(root string, taken ...string) (files []File, notes []string, err error) {
	dir := filepath.Join(root, Dir)
	entries, err := os.ReadDir(dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, nil, err
	}
	if err := program.Trusted(info); err != nil && len(entries) > 0 {
		return nil, []string{fmt.Sprintf("the handlers of %s are left out: it %v", Dir, err)}, nil
	}
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), suffix)
		if !ok {
			continue
		}
		file, err := load(filepath.Join(dir, entry.Name()), name, taken)
		if err != nil {
			notes = append(notes, fmt.Sprintf("handler %s is left out: %s: %v", name, filepath.Join(Dir, entry.Name()), err))
			continue
		}
		files = append(files, file)
	}
	return files, notes, nil
}

func load(path, name string, taken []string) (File, error) {
	switch {
	case !nameRule().MatchString(name):
		return File{}, errors.New("a name has lower-case letters, digits and hyphens only, and begins with a letter")
	case slices.Contains(taken, name):
		return File{}, errors.New("a handler of mailreg's own has this name")
	}
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	if err := program.Trusted(info); err != nil {
		return File{}, fmt.Errorf("it %w", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return File{}, err
	}
	return Parse(name, data)
}

// Parse reads a file.
func Parse(name string, data []byte) (File, error) {
	f := File{Name: name, Timeout: time.Minute, User: "nobody", Parallel: 1, Guard: true}
	// Filters hold characters that begin comments elsewhere, and nothing is to be expanded.
	text, err := ini.LoadSources(ini.LoadOptions{
		KeyValueDelimiters: "=", IgnoreInlineComment: true, IgnoreContinuation: true, PreserveSurroundedQuote: true,
	}, data)
	if err != nil {
		return File{}, err
	}
	for _, section := range text.Sections() {
		if section.Name() != "handler" && len(section.Keys()) > 0 {
			return File{}, fmt.Errorf("[%s]: the only section is [handler]", section.Name())
		}
		for _, key := range section.Keys() {
			if err := f.option(key.Name(), strings.TrimSpace(key.Value())); err != nil {
				return File{}, fmt.Errorf("%s = %s: %w", key.Name(), key.Value(), err)
			}
		}
	}
	switch {
	case f.Text == "":
		return File{}, errors.New("no Filter")
	case len(f.Command) == 0:
		return File{}, errors.New("no Command")
	}
	return f, nil
}

func (f *File) option(name, value string) (err error) {
	switch strings.ToLower(name) {
	case "filter":
		f.Text = value
		if f.Filter, err = filter.Parse(value); err == nil {
			err = checkNames(f.Filter.Attributes())
		}
	case "attributes":
		f.Attributes = strings.Fields(value)
		err = checkNames(f.Attributes)
	case "command":
		if f.Command = strings.Fields(value); len(f.Command) == 0 || !filepath.IsAbs(f.Command[0]) {
			return errors.New("the program is named by its whole path")
		}
	case "timeout":
		f.Timeout, err = time.ParseDuration(value)
		if err == nil && f.Timeout <= 0 {
			err = errors.New("it is to be more than nothing")
		}
	case "user":
		f.User = value
	case "parallel":
		f.Parallel, err = strconv.Atoi(value)
		if err == nil && f.Parallel < 1 {
			err = errors.New("it is to be at least 1")
		}
	case "guard":
		f.Guard, err = yesNo(value)
	default:
		err = errors.New("there is no such option")
	}
	return err
}

// checkNames refuses names that a server would refuse, and with them the session of all handlers.
func checkNames(names []string) error {
	for _, name := range names {
		if !attributeRule().MatchString(name) {
			return fmt.Errorf("%q is no attribute's name", name)
		}
	}
	return nil
}

func yesNo(value string) (bool, error) {
	switch value {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	default:
		return false, errors.New("it is yes or no")
	}
}
