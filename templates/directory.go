package templates

import (
	"errors"
	"fmt"
	"strings"
)

// directory returns what the directory calls things, and records the settings that decide about it.
func (r *rendering) directory() (Directory, error) {
	r.look("key", directoryKey)
	r.look("prefix", directoryPrefix)
	if r.world.Directory == nil {
		return nil, errors.New("nothing is known of the directory")
	}
	return r.world.Directory()
}

func (r *rendering) attribute(canonical string) (*Value, error) {
	d, err := r.directory()
	if err != nil {
		return nil, err
	}
	own := d.Attribute(canonical)
	if own == "" {
		r.unset = directoryPrefix + canonical
		return nil, nil
	}
	return &Value{key: directoryPrefix + canonical, text: own}, nil
}

// filter has the text of the template translated, in which the values have their marks already: the format's writer puts
// them in, and nothing that they hold is taken for a part of the filter.
func (r *rendering) filter(canonical string, values ...*Value) (spelled, error) {
	d, err := r.directory()
	if err != nil {
		return "", err
	}
	parts := strings.Split(canonical, "{}")
	if len(parts) != len(values)+1 {
		return "", fmt.Errorf("filter %q with %d values", canonical, len(values))
	}
	text := parts[0]
	for i, v := range values {
		marked, err := r.emit(v)
		if err != nil {
			return "", err
		}
		text += marked + parts[i+1]
	}
	asked, err := d.Question(text)
	return spelled(asked), err
}
