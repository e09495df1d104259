package maildir

import (
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

const (
	// vacatedDir holds the intents, one for each place that a store has left.
	vacatedDir = ".quarantine/.vacated"
	// sweptDir holds homes that were made at such places, on their way into their owner's store.
	sweptDir = ".quarantine/.swept"
)

// looks are how long after a store has left its place somebody looks whether a server that did not know yet has made
// a home there: the first for mail in flight, the last for what a server with a wrong clock or a full queue may still do.
var looks = [...]time.Duration{300 * time.Millisecond, 5 * time.Second, time.Minute, 15 * time.Minute}

// vacated is the intent to look at a place that a store has left. It is on the disk before the store leaves.
type vacated struct {
	Version int         `json:"version"`
	UUID    schema.UUID `json:"uuid"`
	// Path is below the base.
	Path string    `json:"path"`
	Time time.Time `json:"time"`
}

// name is that of the file. A place has one: what lies there is of who has left last.
func (v vacated) name() string {
	h := fnv.New128a()
	h.Write([]byte(v.Path))
	return hex.EncodeToString(h.Sum(nil))
}

// due reports whether a look falls in the time after since, up to now; any look that is over when since is zero. The last one
// is due until it has led to an end.
func (v vacated) due(since, now time.Time) bool {
	return v.next(now).IsZero() || slices.ContainsFunc(looks[:], func(after time.Duration) bool {
		at := v.Time.Add(after)
		return at.After(since) && !at.After(now)
	})
}

// next returns when the next look is, zero after the last.
func (v vacated) next(now time.Time) time.Time {
	for _, after := range looks {
		if at := v.Time.Add(after); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// vacating notes that a store is about to leave a place where a server may look for it.
func (w *work) vacating(uuid schema.UUID, rel string) error {
	if uuid.IsZero() || !strings.HasPrefix(rel, w.homes.private+"/") {
		return nil
	}
	intents, _, err := w.makeParent(path.Join(vacatedDir, "any"))
	if err != nil {
		return err
	}
	defer intents.Close()
	v := vacated{Version: 1, UUID: uuid, Path: rel, Time: w.cfg.Now().UTC()}
	return intents.Replace(v.name(), line(v), confine.Caller())
}

// intents returns the places to look at. A file that cannot be read tells of none.
func (w *work) intents() ([]vacated, error) {
	d, names, err := w.names(vacatedDir)
	if err != nil || d == nil {
		return nil, err
	}
	defer d.Close()
	var all []vacated
	for _, name := range names {
		var v vacated
		data, err := d.Read(name, smallFile)
		if err != nil || json.Unmarshal(data, &v) != nil || v.Version != 1 || v.name() != name {
			continue
		}
		all = append(all, v)
	}
	return all, nil
}

// names opens a directory of ours and lists it; both are nil when it was never made.
func (w *work) names(rel string) (*confine.Dir, []string, error) {
	d, err := w.base.Walk(rel)
	if absent(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	names, err := d.Names()
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	return d, names, nil
}

// leftBy returns the owner whose store has left a place last, and of late.
func (w *work) leftBy(rel string) (schema.UUID, bool, error) {
	all, err := w.intents()
	for _, v := range all {
		if v.Path == rel {
			return v.UUID, true, err
		}
	}
	return schema.UUID{}, false, err
}

// forget removes an intent whose last look is over.
func (w *work) forget(v vacated) error {
	d, err := w.base.Walk(vacatedDir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Remove(v.name())
}
