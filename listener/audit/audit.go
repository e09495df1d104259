// Package audit compares what a directory says of its entries with what a replica holds: the identity, the name and the
// moment of the last change of each. It does no I/O, and it decides nothing: what it finds is to be looked up.
package audit

import (
	"maps"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/listener/csn"
	"github.com/mailreg/mailreg/schema"
)

// Row is what the directory says of one entry.
type Row struct {
	UUID schema.UUID
	DN   string
	// CSN is when it changed last, by entryCSN or what stands for it; "" when that is not known.
	CSN string
}

// RowOf returns the row of an entry.
func RowOf(e *schema.Entry) Row {
	return Row{UUID: e.UUID, DN: e.DN, CSN: e.First(schema.AttrEntryCSN)}
}

// Kind is how the replica differs from the directory.
type Kind string

// The kinds of differences.
const (
	Same    Kind = ""
	Missing Kind = "missing" // the replica has not got it
	Extra   Kind = "extra"   // the directory does not show it
	Older   Kind = "older"   // a change has not arrived
	Newer   Kind = "newer"   // the directory has gone back
	Named   Kind = "name"    // it has another name
	Content Kind = "content" // attributes differ although it is said to be the same state
)

// Compare returns how the replica's state of an entry, nil when it has none, differs from a row. Names are compared
// normalised, states by the time of the last change.
func Compare(row Row, have *schema.Entry) Kind {
	if have == nil {
		return Missing
	}
	ours := have.First(schema.AttrEntryCSN)
	if row.CSN != "" && ours != "" {
		switch strings.Compare(row.CSN, ours) {
		case 1:
			return Older
		case -1:
			return Newer
		}
	}
	if row.DN == have.DN {
		return Same
	}
	a, err := schema.ParseDN(row.DN)
	b, err2 := schema.ParseDN(have.DN)
	if err != nil || err2 != nil || !a.Equal(b) {
		return Named
	}
	return Same
}

// Doubt is an entry that seems to differ.
type Doubt struct {
	Row
	Kind Kind
}

// Tally takes in a scan. The zero value is ready. Beside its doubts it keeps 16 bytes for each entry.
type Tally struct {
	// Limit bounds the doubts; 10000 when zero. More are counted in Over and not kept.
	Limit  int
	Doubts []Doubt
	Over   int

	seen   map[schema.UUID]struct{}
	newest map[string]string // CSN by server ID
}

// Add takes in one row, and the replica's state of that entry.
func (t *Tally) Add(row Row, have *schema.Entry) {
	if t.seen == nil {
		t.seen, t.newest = map[schema.UUID]struct{}{}, map[string]string{}
	}
	t.seen[row.UUID] = struct{}{}
	if sid := csn.ServerID(row.CSN); row.CSN > t.newest[sid] {
		t.newest[sid] = row.CSN
	}
	if kind := Compare(row, have); kind != Same {
		t.doubt(Doubt{row, kind})
	}
}

// Absent takes in, after the whole scan, an entry that the replica holds.
func (t *Tally) Absent(uuid schema.UUID) {
	if _, seen := t.seen[uuid]; !seen {
		t.doubt(Doubt{Row{UUID: uuid}, Extra})
	}
}

func (t *Tally) doubt(d Doubt) {
	limit := t.Limit
	if limit == 0 {
		limit = 10000
	}
	if len(t.Doubts) >= limit {
		t.Over++
		return
	}
	t.Doubts = append(t.Doubts, d)
}

// Seen yields what the scan has shown, in no order.
func (t *Tally) Seen(yield func(schema.UUID) bool) { maps.Keys(t.seen)(yield) }

// Count is the number of entries that the scan has shown.
func (t *Tally) Count() int { return len(t.seen) }

// Ahead returns an entryCSN that the provider's position, its contextCSN values, does not cover: then the provider has lost
// a part of its position, as OpenLDAP does when it is killed without syncprov-checkpoint. "" when there is none, or no
// position of the same server ID to compare with.
func (t *Tally) Ahead(position []string) string {
	at := map[string]string{}
	for _, value := range position {
		at[csn.ServerID(value)] = value
	}
	for _, sid := range slices.Sorted(maps.Keys(t.newest)) {
		if has := at[sid]; sid != "" && has != "" && t.newest[sid] > has {
			return t.newest[sid]
		}
	}
	return ""
}
