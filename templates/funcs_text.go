package templates

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// partOf returns a value of which only a part is left.
func partOf(v any, cut func(string) string) (*Value, error) {
	whole, ok := v.(*Value)
	if !ok || whole == nil {
		return nil, fmt.Errorf("a part of %v, which is no value", v)
	}
	rest := *whole
	rest.text = cut(whole.text)
	return &rest, nil
}

func textBefore(v any, text string) (*Value, error) {
	return partOf(v, func(whole string) string { head, _, _ := strings.Cut(whole, text); return head })
}

func textAfter(v any, text string) (*Value, error) {
	return partOf(v, func(whole string) string { _, rest, _ := strings.Cut(whole, text); return rest })
}

func base(v any) (*Value, error) { return partOf(v, path.Base) }

func dir(v any) (*Value, error) { return partOf(v, path.Dir) }

func numeric(v *Value) bool {
	return v != nil && v.text != "" && strings.Trim(v.text, "0123456789") == ""
}

func next(n int) int { return n + 1 }

func reverse(entries []Entry) []Entry {
	turned := slices.Clone(entries)
	slices.Reverse(turned)
	return turned
}
