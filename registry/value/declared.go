package value

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// CheckDeclaration reports why no value could be checked against a declaration, or why its own default does not fit. The
// error is a clause about its options; the caller knows file and section.
func CheckDeclaration(d schema.Declaration) error {
	typ := d.Type
	switch {
	case !Known(typ):
		return fmt.Errorf("unknown Type %q", typ)
	case typ != "list" && d.Element != "":
		return fmt.Errorf("only a list has an Element, not Type %s", typ)
	case typ != "list" && d.Separator != "":
		return fmt.Errorf("only a list has a Separator, not Type %s", typ)
	case typ == "list" && d.Element != "":
		typ = d.Element
	case typ == "list":
		typ = "str"
	}
	if typ == "list" || !Known(typ) {
		return fmt.Errorf("unknown Element %q", typ)
	}
	// As it stands: a lone parenthesis would fit into what pattern puts around it.
	if d.Regex != "" {
		if _, err := regexp.Compile(d.Regex); err != nil {
			return fmt.Errorf("broken Regex: %w", err)
		}
	}
	if (typ == "enum") != (len(d.Enum) > 0) {
		return errors.New("an enum needs Enum, and nothing else does")
	}
	if err := declaredBounds(d, typ); err != nil {
		return err
	}
	if (d.Service == "") != (d.Action == "") || d.Action != "" && d.Action != "reload" && d.Action != "restart" {
		return fmt.Errorf("the Service %q needs the Action reload or restart, not %q", d.Service, d.Action)
	}
	if d.Secret && d.HasDefault {
		return errors.New("a secret has no Default: it would be no secret")
	}
	// What another variable holds is not known here.
	if !d.HasDefault || strings.Contains(d.Default, "@%@") {
		return nil
	}
	if err := Check(d, d.Default); err != nil {
		return fmt.Errorf("the Default %q %w", d.Default, err)
	}
	return nil
}

// declaredBounds checks Min and Max themselves.
func declaredBounds(d schema.Declaration, typ string) error {
	if d.Min == "" && d.Max == "" {
		return nil
	}
	number, bounded := numbers[typ]
	if !bounded {
		return fmt.Errorf("type %s has no Min and Max", typ)
	}
	var bounds []int64
	for _, text := range []string{d.Min, d.Max} {
		if text == "" {
			continue
		}
		n, err := number(text)
		if err != nil {
			return fmt.Errorf("broken bound: %w", err)
		}
		bounds = append(bounds, n)
	}
	if len(bounds) == 2 && bounds[0] > bounds[1] {
		return fmt.Errorf("the Min %s is more than the Max %s", d.Min, d.Max)
	}
	return nil
}
