package store

// notePrefix is what the keys of notes begin with in bucket meta.
const notePrefix = "note/"

// Note returns what was kept under a name, nil when nothing: what the program wants to remember and does not depend on, such
// as the outcome of the last audit.
func (t *Tx) Note(name string) []byte {
	d := t.get(t.tx.Bucket(bucketMeta), []byte(notePrefix+name))
	if d == nil {
		return nil
	}
	value := []byte(d.str())
	t.fail(d.end())
	return value
}

// PutNote keeps a value under a name.
func (t *Tx) PutNote(name string, value []byte) {
	var e encoder
	e.str(string(value))
	key := []byte(notePrefix + name)
	t.put(t.tx.Bucket(bucketMeta), key, e.seal(key))
}
