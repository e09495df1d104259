package ucr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
)

func words(line string) []string { return strings.Fields(line) }

func TestParse(t *testing.T) {
	none := map[string]string{}
	cases := []struct {
		line string
		want call
	}{
		{"", call{help: true, options: none}},
		{"-?", call{help: true, options: none}},
		{"--help bogus", call{help: true, options: none}},
		{"-v set", call{version: true, options: none}},
		{"get k --shell", call{action: "get", options: none, args: words("k --shell")}},
		{"--debug --shell get k", call{shell: true, action: "get", options: none, args: words("k")}},
		{"--keys-only --sort --shell dump", call{keysOnly: true, sort: true, shell: true, action: "dump", options: none, args: []string{}}},
		{"set --forced --ignore-check a=b --schedule", call{
			action: "set", options: map[string]string{"force": "", "ignore-check": ""}, args: words("a=b --schedule"),
		}},
		{"search --brief --category --key x", call{
			action: "search", options: map[string]string{"brief": "", "category": "--key"}, args: words("x"),
		}},
		{"shell a --key b.*", call{
			action: "search", shell: true, deprecated: true, options: none, args: words("^(?:a)$ --key ^(?:b.*)$"),
		}},
		{"filter --encode-utf8 file", call{action: "filter", options: map[string]string{"encode-utf8": ""}, args: words("file")}},
	}
	for _, c := range cases {
		got, err := parse(words(c.line))
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(call{})); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", c.line, err, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"-x":                          "unknown option -x",
		"--force set a=b":             "unknown option --force",
		"--shell":                     "missing action, see --help",
		"bogus":                       `unknown action "bogus", see --help`,
		"set":                         "too few arguments for command [set]",
		"set --force":                 "too few arguments for command [set]",
		"unset":                       "too few arguments for command [unset]",
		"get":                         "too few arguments for command [get]",
		"info":                        "too few arguments for command [info]",
		"set --category a=b":          "invalid option --category for command set",
		"set -- a=b":                  "invalid option -- for command set",
		"get --shell a":               "invalid option --shell for command get",
		"--shell set a=b":             "invalid option --shell for command set",
		"--shell info a":              "invalid option --shell for command info",
		"--keys-only get a":           "invalid option --keys-only for command get",
		"--sort get a":                "invalid option --sort for command get",
		"--keys-only --sort commit":   "invalid option --keys-only for command commit",
		"search --category":           "option --category for command search expects an argument",
		"commit --category /etc/file": "invalid option --category for command commit",
	} {
		if _, err := parse(words(line)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

func TestLayer(t *testing.T) {
	for line, want := range map[string]registry.Layer{
		"set a=b":                                      registry.Normal,
		"unset --schedule a":                           registry.Schedule,
		"set --schedule --force a=b":                   registry.Forced,
		"set --forced --schedule a=b":                  registry.Forced,
		"set --schedule --force --ldap-policy a=b":     registry.LDAP,
		"set a=b --force":                              registry.Normal,
		"set --ldap-policy --ldap-policy --force a --": registry.LDAP,
	} {
		c, err := parse(words(line))
		if got := c.layer(); err != nil || got != want {
			t.Errorf("%s: layer %v, %v, want %v", line, got, err, want)
		}
	}
}

func TestCalled(t *testing.T) {
	for program, want := range map[string]bool{
		"ucr": true, "/usr/sbin/ucr": true, "univention-config-registry": true, "./univention-baseconfig": true,
		"mailreg": false, "/usr/bin/mailreg": false, "/ucr/mailreg": false, "ucrx": false, "": false,
	} {
		if Called(program) != want {
			t.Errorf("Called(%q) is not %v", program, want)
		}
	}
}
