package ucr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
)

// call is a command line, taken apart.
type call struct {
	help, version bool
	// shell, keysOnly and sort are the filters of the output.
	shell, keysOnly, sort bool
	action                string
	// options are those of the action, without their dashes; the value of one that takes none is "".
	options map[string]string
	args    []string
	// deprecated says that the action was called shell: a search for whole keys that shows even secrets.
	deprecated bool
}

// has reports whether an option of the action was given.
func (c *call) has(option string) bool { _, ok := c.options[option]; return ok }

// layer returns the layer that set and unset write. Of several the peer's order decides.
func (c *call) layer() registry.Layer {
	switch {
	case c.has("ldap-policy"):
		return registry.LDAP
	case c.has("force"):
		return registry.Forced
	case c.has("schedule"):
		return registry.Schedule
	}
	return registry.Normal
}

// needs tells how many arguments an action needs at least.
var needs = map[string]int{
	"set": 1, "unset": 1, "get": 1, "search": 0, "info": 1, "dump": 0,
	"commit": 0, "update": 0, "register": 1, "unregister": 1, "filter": 0,
}

// options are those of each action; valued takes the next argument as its value.
var options = map[string][]string{
	"set":    {"force", "forced", "ldap-policy", "schedule", "ignore-check"},
	"unset":  {"force", "forced", "ldap-policy", "schedule"},
	"search": {"key", "value", "all", "brief", "category", "non-empty", "verbose"},
	"filter": {"encode-utf8", "disallow-execution"},
}

const valued = "category"

// filterActions are the actions that each filter of the output is for.
var filterActions = map[string][]string{
	"keys-only": {"dump", "search"},
	"sort":      {"dump", "search", "info"},
	"shell":     {"dump", "search", "get"},
}

// errTooFew is the error of an action without the arguments that it needs.
var errTooFew = errors.New("too few arguments for command")

// parse takes a command line apart: global options, the action, its options, its arguments. The first word that is no option
// ends the options, so that whatever follows a key may begin with a dash.
func parse(args []string) (call, error) {
	c := call{options: map[string]string{}}
	if len(args) == 0 {
		c.help = true
		return c, nil
	}
	args, err := c.global(args)
	if err != nil || c.help || c.version {
		return c, err
	}
	if len(args) == 0 {
		return c, errors.New("missing action, see --help")
	}
	c.action, c.args = args[0], args[1:]
	if c.action == "shell" {
		c.asSearch()
	}
	if err := c.filters(); err != nil {
		return c, err
	}
	if err := c.actionOptions(); err != nil {
		return c, err
	}
	least, known := needs[c.action]
	switch {
	case !known:
		return c, fmt.Errorf("unknown action %q, see --help", c.action)
	case len(c.args) < least:
		return c, fmt.Errorf("%w [%s]", errTooFew, c.action)
	}
	return c, nil
}

// global reads the options before the action and returns the rest.
func (c *call) global(args []string) ([]string, error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-h", "--help", "-?":
			c.help = true
		case "-v", "--version":
			c.version = true
		case "--debug": // lets exceptions through in the peer; here an error says all that there is to know
		case "--shell":
			c.shell = true
		case "--keys-only":
			c.keysOnly = true
		case "--sort":
			c.sort = true
		default:
			return nil, fmt.Errorf("unknown option %s", args[0])
		}
		args = args[1:]
	}
	return args, nil
}

// asSearch turns the action shell into what it is: a brief search for whole keys whose output is for the shell.
func (c *call) asSearch() {
	c.action, c.shell, c.deprecated = "search", true, true
	c.args = slices.Clone(c.args)
	for i, arg := range c.args {
		if !strings.HasPrefix(arg, "--") {
			c.args[i] = "^(?:" + arg + ")$"
		}
	}
}

// filters checks that the filters are for this action. What the peer prints sorted anyhow needs no option.
func (c *call) filters() error {
	given := map[string]bool{"keys-only": c.keysOnly, "sort": c.sort, "shell": c.shell}
	for _, name := range []string{"keys-only", "sort", "shell"} {
		if given[name] && !slices.Contains(filterActions[name], c.action) {
			return fmt.Errorf("invalid option --%s for command %s", name, c.action)
		}
	}
	return nil
}

// actionOptions reads the options between the action and its arguments.
func (c *call) actionOptions() error {
	for len(c.args) > 0 && strings.HasPrefix(c.args[0], "--") {
		option := c.args[0]
		name := option[2:]
		c.args = c.args[1:]
		if !slices.Contains(options[c.action], name) {
			return fmt.Errorf("invalid option %s for command %s", option, c.action)
		}
		switch {
		case name == "forced": // its second name
			name = "force"
		case name == valued && len(c.args) == 0:
			return fmt.Errorf("option %s for command %s expects an argument", option, c.action)
		}
		c.options[name] = ""
		if name == valued {
			c.options[name], c.args = c.args[0], c.args[1:]
		}
	}
	return nil
}
