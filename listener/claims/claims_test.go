package claims

import (
	"slices"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

// id returns the UUID that ends in n.
func id(n int) schema.UUID { return schema.UUID{15: byte(n)} }

// table is a View made of maps.
type table struct {
	owners  map[string]int
	users   map[string]int
	parties map[int]Party
}

func one(m map[string]int, r string) (schema.UUID, bool) {
	n, ok := m[r]
	return id(n), ok
}

func (t table) Owner(r string) (schema.UUID, bool) { return one(t.owners, r) }
func (t table) User(r string) (schema.UUID, bool)  { return one(t.users, r) }
func (t table) Rivals(r string) []schema.UUID {
	var list []schema.UUID
	for n := range t.parties {
		list = append(list, id(n))
	}
	return list
}

func (t table) Party(uuid schema.UUID) Party { return t.parties[int(uuid[15])] }

func TestJudge(t *testing.T) {
	wants := func(s Stand, created string, resources ...string) Party {
		return Party{Stand: s, Created: created, Wants: resources}
	}
	since := func(p Party, known uint64) Party {
		p.Due.Known = known
		return p
	}
	tried := func(p Party, resource string, known uint64) Party {
		p.Tried = map[string]Moment{resource: {Known: known}}
		return p
	}
	// Entry 1 is judged.
	cases := []struct {
		name string
		view table
		want Judgement
	}{
		{"free", table{parties: map[int]Party{1: wants(Active, "", "a")}}, Judgement{}},
		{"own", table{owners: map[string]int{"a": 1}, parties: map[int]Party{1: wants(Active, "", "a")}}, Judgement{}},
		{
			"owner is clean",
			table{owners: map[string]int{"a": 2}, parties: map[int]Party{1: wants(Active, "", "a"), 2: wants(Clean, "", "a")}},
			Judgement{By: id(2), Resource: "a", Conflict: true, Stand: Clean},
		},
		{
			"owner keeps",
			table{owners: map[string]int{"a": 2}, parties: map[int]Party{1: wants(Active, "1", "a"), 2: wants(Active, "2", "a")}},
			Judgement{By: id(2), Resource: "a", Conflict: true, Stand: Active},
		},
		{
			"owner lets go",
			table{owners: map[string]int{"a": 2}, parties: map[int]Party{1: wants(Active, "", "a"), 2: wants(Active, "", "b")}},
			Judgement{By: id(2), Resource: "a", Owned: true, Stand: Active},
		},
		{
			"owner is held",
			table{owners: map[string]int{"a": 2}, parties: map[int]Party{1: wants(Active, "", "a"), 2: wants(Held, "")}},
			Judgement{By: id(2), Resource: "a", Owned: true, Stand: Held},
		},
		{
			"elder rival",
			table{parties: map[int]Party{1: wants(Active, "2", "a"), 2: wants(Active, "1", "a")}},
			Judgement{By: id(2), Resource: "a", Stand: Active},
		},
		{
			"elder rival is parked",
			table{parties: map[int]Party{1: wants(Active, "2", "a"), 2: wants(Parked, "1", "a")}},
			Judgement{By: id(2), Resource: "a", Conflict: true, Stand: Parked},
		},
		{
			"younger rival",
			table{parties: map[int]Party{1: wants(Active, "1", "a"), 2: wants(Active, "2", "a")}},
			Judgement{},
		},
		{
			"rival of the same age: the lower UUID",
			table{parties: map[int]Party{1: wants(Active, "1", "a"), 2: wants(Active, "1", "a")}},
			Judgement{},
		},
		{
			"rival without an age is young",
			table{parties: map[int]Party{1: wants(Active, "1", "a"), 2: wants(Active, "", "a")}},
			Judgement{},
		},
		{
			"younger rival could have it first",
			table{parties: map[int]Party{1: since(wants(Active, "1", "a"), 9), 2: since(wants(Active, "2", "a"), 4)}},
			Judgement{By: id(2), Resource: "a", Stand: Active},
		},
		{
			"younger rival has tried it first",
			table{parties: map[int]Party{1: since(wants(Active, "1", "a"), 5), 2: tried(since(wants(Active, "2", "a"), 9), "a", 4)}},
			Judgement{By: id(2), Resource: "a", Stand: Active},
		},
		{
			"I have tried it first",
			table{parties: map[int]Party{1: tried(since(wants(Active, "2", "a"), 9), "a", 4), 2: since(wants(Active, "1", "a"), 5)}},
			Judgement{},
		},
		{
			"running",
			table{users: map[string]int{"a": 2}, parties: map[int]Party{1: wants(Active, "1", "a"), 2: wants(Active, "2", "a")}},
			Judgement{By: id(2), Resource: "a", Stand: Active},
		},
		{
			"another tried it and wants something else",
			table{parties: map[int]Party{1: wants(Active, "", "a"), 2: tried(wants(Active, "", "b"), "a", 4)}},
			Judgement{By: id(2), Resource: "a", Owned: true, Maybe: true, Stand: Active},
		},
		{
			"the second claim is taken",
			table{owners: map[string]int{"a": 1, "b": 2}, parties: map[int]Party{1: wants(Active, "", "a", "b"), 2: wants(Clean, "", "b")}},
			Judgement{By: id(2), Resource: "b", Conflict: true, Stand: Clean},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Judge(c.view, id(1)); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestCycle(t *testing.T) {
	c := NewGraph()
	c.Wait(id(2), Edge{By: id(3), Owned: true})
	c.Wait(id(3), Edge{By: id(4)})
	if members, _ := c.Cycle(id(4), Edge{By: id(5)}); members != nil {
		t.Errorf("no cycle: %v", members)
	}
	members, pivot := c.Cycle(id(4), Edge{By: id(2), Owned: true})
	if len(members) != 3 || pivot != id(2) {
		t.Errorf("cycle %v, pivot %v", members, pivot)
	}
	if c.Woken(id(3)); len(c.waits) != 1 {
		t.Errorf("waits %v", c.waits)
	}
	if members, _ := c.Cycle(id(4), Edge{By: id(2), Owned: true}); members != nil {
		t.Errorf("no cycle any more: %v", members)
	}
}

func TestRivals(t *testing.T) {
	g := NewGraph()
	g.Want(id(1), []string{"a", "b"}, nil)
	g.Want(id(2), []string{"a"}, []string{"c"})
	g.Want(id(3), []string{"a"}, []string{"a"})
	steps := []struct {
		do       func()
		resource string
		want     []schema.UUID
	}{
		{func() {}, "a", []schema.UUID{id(1), id(2), id(3), id(3)}},
		{func() {}, "b", []schema.UUID{id(1)}},
		{func() {}, "d", nil},
		{func() { g.Want(id(1), []string{"b"}, nil) }, "a", []schema.UUID{id(2), id(3), id(3)}},
		{func() { g.Forget(id(3)) }, "a", []schema.UUID{id(2)}},
		{func() { g.Want(id(2), []string{"a"}, nil) }, "c", nil},
		{func() { g.Forget(id(2)) }, "a", nil},
		{func() {}, "b", []schema.UUID{id(1)}},
		{func() { g.Want(id(1), nil, []string{"b"}) }, "b", []schema.UUID{id(1)}},
	}
	for i, step := range steps {
		step.do()
		if got := g.Rivals(step.resource); !slices.Equal(got, step.want) {
			t.Errorf("step %d: rivals for %s are %v, want %v", i, step.resource, got, step.want)
		}
	}
}
