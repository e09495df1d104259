package registry

// Drives returns the files whose rendering reads a key, as paths below the root, sorted.
func (r *Registry) Drives(key string) ([]string, error) {
	return nil, nil
}
