package model_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// step is one thing that happens; A and B pick people, addresses, points and counts.
type step struct {
	Op   string
	A, B int
}

// String shows it as it is drawn.
func (s step) String() string { return fmt.Sprintf("{%q, %d, %d}", s.Op, s.A, s.B) }

// ops are what can happen, the usual things more often.
func ops() []string {
	return []string{
		"set", "set", "set", "set", "set", "clear", "remove", "recreate", "recreate", "swap", "swap", "rotate", "touch",
		"rename", "move", "out", "out", "back", "back", "unclass", "folder",
		"kill", "kill", "stop", "start", "die", "die", "die", "slapd kill", "slapd restart", "slapd stop",
		"cut", "cut", "cut bytes", "cut probe", "half", "stall", "stall one", "flow", "cut all", "refuse", "serve", "freeze",
		"fail", "lose", "down", "heal", "clock", "approve", "retry",
		"wait", "wait", "deliver", "deliver", "deliver",
	}
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(ops()).Draw(t, "op"), rapid.IntRange(1, 5).Draw(t, "a"), rapid.IntRange(1, 5).Draw(t, "b")}
	}), 10, 40)
}

// story is a lab with its people and the letters that were sent.
type story struct {
	*lab
	people *people
	sent   []letter
}

// tellStory does the steps with a new listener, and returns what is wrong afterwards.
func tellStory(t harness.T, slapd *harness.Slapd, setup setup, list []step) (wrong []string) {
	p := newPeople(slapd)
	p.clear()
	s := &story{lab: newLab(t, slapd, setup), people: p}
	defer func() {
		if len(wrong) > 0 {
			t.Logf("the listener's log is %s", s.daemon.Log())
		}
		if setup.after != nil {
			setup.after(s.lab)
		}
		s.t.end()
	}()
	s.settle()
	for _, step := range list {
		s.do(step)
	}
	s.rest()
	if setup.staging {
		if wrong := s.checkStaging(); len(wrong) > 0 {
			return wrong
		}
		s.cli.Must("set", "--no-reload", "mailreg/mode=run")
		s.daemon.Start()
		s.rest()
	}
	if wrong := s.check(s.sent, false); len(wrong) > 0 {
		return wrong
	}
	// And when nothing is in the way any more, nothing waits.
	s.people.mend()
	s.tell("clock", "")
	s.daemon.Start()
	s.rest()
	for s.approve() {
		s.settle()
	}
	return s.check(s.sent, true)
}

// rest lets the listener come to rest, whatever has happened to the directory.
func (s *story) rest() {
	s.tell("die", "")
	s.revive()
	s.settle()
	ask(s.lab, "retrying", func(ctx context.Context) (int, error) { return s.control.Retry(ctx, "") })
	s.settle()
}

func (s *story) revive() {
	if !s.slapd.Process().Running() {
		s.slapd.Start()
	}
}

func (s *story) do(step step) {
	a, b := step.A, step.B
	switch step.Op {
	case "set", "clear", "remove", "recreate", "swap", "rotate", "touch", "rename", "move", "out", "back", "unclass", "folder":
		s.revive()
		s.write(step)
	case "kill", "stop", "start", "die", "slapd kill", "slapd restart", "slapd stop":
		s.end(step)
	case "fail", "lose", "down":
		s.tell("fail", step.Op)
	case "heal":
		s.tell("fail", "")
	case "clock":
		s.tell("clock", []string{"1h", "-1h", "8760h", "-8760h", "0s"}[(a+b)%5])
	case "approve":
		s.approve()
	case "retry":
		ask(s.lab, "retrying", func(ctx context.Context) (int, error) { return s.control.Retry(ctx, "") })
	case "wait":
		s.revive()
		s.settle()
	case "audited":
		s.audited()
	case "deliver":
		s.revive()
		s.settle()
		s.sent = s.deliver(s.sent)
	default:
		s.disturb(step)
	}
}

// audited waits until the listener has made an audit by itself.
func (s *story) audited() {
	harness.Await(s.t, "an audit", func() bool {
		status, err := s.control.Status(s.t.Context())
		return err == nil && status.Audit != nil && status.Audit.Drift > 0
	})
}

// write changes the directory.
func (s *story) write(step step) {
	p, a, b := s.people, step.A, step.B
	switch step.Op {
	case "set":
		p.set(a, address(b))
	case "clear":
		p.set(a, "")
	case "touch":
		p.set(a, p.list[a].address)
	case "remove":
		p.remove(a)
	case "recreate":
		p.recreate(a)
	case "swap":
		p.swap(a, b)
	case "rotate":
		p.rotate(1, 2, 3)
	case "rename":
		p.rename(a)
	case "move":
		p.move(a, "ou=b,"+inside)
	case "out":
		p.move(a, outside)
	case "back":
		p.move(a, inside)
	case "unclass":
		p.leave(a)
	case "folder":
		p.moveFolder([]string{"ou=a", "ou=c"}[a%2], []string{inside, inside, "ou=b," + inside, outside}[b%4])
	}
}

// end ends the listener or the directory.
func (s *story) end(step step) {
	switch step.Op {
	case "kill":
		s.daemon.Kill()
		s.daemon.Spawn()
	case "stop":
		s.daemon.Stop()
		s.stopped = true
	case "start":
		s.alive()
	case "die":
		if !s.setup.daemon {
			s.tell("die", fmt.Sprintf("%d %q", step.B, points[(step.A*5+step.B)%len(points)]))
		}
	case "slapd kill":
		s.slapd.Kill()
	case "slapd stop":
		s.slapd.Stop()
	case "slapd restart":
		s.slapd.Kill()
		s.slapd.Start()
	}
}

// disturb does something to the connections.
func (s *story) disturb(step step) {
	n := step.A * step.B
	switch step.Op {
	case "cut":
		s.proxy.Set(harness.Cut{Way: harness.ToClient, Messages: n, Sync: true})
	case "cut bytes":
		s.proxy.Set(harness.Cut{Way: harness.ToClient, Bytes: 100 * n, Sync: true})
	case "cut probe":
		s.proxy.Set(harness.Cut{Way: []harness.Way{harness.ToServer, harness.ToClient}[n%2], Messages: n})
	case "half":
		s.proxy.Set(harness.Cut{Way: []harness.Way{harness.ToServer, harness.ToClient}[n%2], Messages: n, Half: true})
	case "freeze":
		s.proxy.Set(harness.Cut{Way: harness.ToClient, Messages: n, Stall: true})
	case "stall":
		s.proxy.Stall(harness.Both)
	case "stall one":
		s.proxy.Stall([]harness.Way{harness.ToServer, harness.ToClient}[n%2])
	case "flow":
		s.proxy.Flow()
	case "cut all":
		s.proxy.CutAll()
	case "refuse":
		s.proxy.Refuse(true)
		s.proxy.CutAll()
	case "serve":
		s.proxy.Refuse(false)
	default:
		panic(step.Op)
	}
}

// approve lets run all that is held, and reports whether there was anything.
func (s *story) approve() bool {
	list := ask(s.lab, "asking what is held", s.control.Held)
	for _, h := range list {
		s.inherit(h)
		ask(s.lab, "approving", func(ctx context.Context) (int, error) {
			n, err := s.control.Approve(ctx, h.ID)
			if err != nil && strings.Contains(err.Error(), "is called") {
				return 0, nil // it has changed meanwhile, or the answer of an approval was lost
			}
			return n, err
		})
	}
	return len(list) > 0
}

// inherit notes who may have whose mail once a batch is approved that says so.
func (l *lab) inherit(h control.Held) {
	if !strings.HasPrefix(h.Reason, "reidentified: ") {
		return
	}
	for _, a := range h.Entries {
		for _, b := range h.Entries {
			if a.UUID != b.UUID && strings.EqualFold(a.DN, b.DN) {
				l.heirs[a.UUID] = append(l.heirs[a.UUID], b.UUID)
			}
		}
	}
}

// related reports whether mail may have come from one owner to another, by one approval or several.
func (l *lab) related(from, to schema.UUID) bool {
	seen := map[schema.UUID]bool{from: true}
	for next := []schema.UUID{from}; len(next) > 0; next = next[1:] {
		if next[0] == to {
			return true
		}
		for _, heir := range l.heirs[next[0]] {
			if !seen[heir] {
				seen[heir] = true
				next = append(next, heir)
			}
		}
	}
	return false
}

// TestModel proves that at rest the listener has what the directory has, and everyone the own mail, whatever happened
// before: to entries, to the connections, to the listener and to the directory's server.
func TestModel(t *testing.T) {
	tests := []struct {
		name  string
		slapd func(*harness.SlapdConfig)
		setup setup
	}{
		{"no session log", func(c *harness.SlapdConfig) { c.SessionLog, c.Checkpoint = -1, "none" }, setup{layout: "uuid"}},
		{"small session log", func(c *harness.SlapdConfig) { c.SessionLog = 3 }, setup{layout: "address"}},
		{"session log and checkpoint", nil, setup{layout: "address"}},
		{"brake", nil, setup{layout: "uuid", guard: 2}},
		{"daemon", nil, setup{layout: "uuid", daemon: true}},
		{"staging", nil, setup{layout: "uuid", daemon: true, staging: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
				c.LDIF = folders
				if test.slapd != nil {
					test.slapd(c)
				}
			})
			rapid.Check(t, func(rt *rapid.T) {
				list := steps().Draw(rt, "steps")
				if wrong := tellStory(t, slapd, test.setup, list); len(wrong) > 0 {
					rt.Fatalf("%v\n%s", list, strings.Join(wrong, "\n"))
				}
			})
		})
	}
}
