package ds389

import (
	"testing"

	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/tests/harness"
)

// person adds a user with an address.
func (r *rig) person(uid string) string {
	r.t.Helper()
	r.dir.AddPerson(harness.Person{UID: uid, Mail: uid + "@" + harness.MailDomain})
	return harness.DN(uid)
}

// live is what a source tells while it follows, one change after the other.
func live(r *rig, deletes bool) {
	a, b := r.person("anna"), r.person("ben")
	r.follows("adds")
	r.dir.SetMail(a, "anna.new@"+harness.MailDomain)
	r.follows("modify")
	a = r.dir.Rename(a, "uid=anne", harness.StaffDN)
	r.follows("rename")
	r.dir.RemoveMailClass(b)
	r.follows("scope leave")
	r.dir.AddMailClass(b, "ben@"+harness.MailDomain)
	r.follows("scope return")
	if !deletes {
		return
	}
	r.dir.Delete(a)
	r.follows("delete")
	r.dir.Delete(b)
	r.person("ben")
	r.follows("delete and add again")
}

// offline does changes of each kind while nobody listens.
func offline(r *rig) {
	for _, uid := range []string{"gone", "moved", "changed", "again", "leaves", "returns", "stays"} {
		r.person(uid)
	}
	r.dir.RemoveMailClass(harness.DN("returns"))
	r.settles("before")
	r.stop()
	r.dir.Delete(harness.DN("gone"))
	r.dir.Rename(harness.DN("moved"), "uid=moved2", harness.StaffDN)
	r.dir.SetMail(harness.DN("changed"), "changed2@"+harness.MailDomain)
	r.dir.Delete(harness.DN("again"))
	r.person("again")
	r.dir.RemoveMailClass(harness.DN("leaves"))
	r.dir.AddMailClass(harness.DN("returns"), "returns@"+harness.MailDomain)
	r.person("new")
	r.start()
	r.settles("after changes while nobody listened")
}

// restarts has the server go and come back, with changes in between.
func restarts(r *rig) {
	r.person("early")
	r.follows("before the restart")
	r.server.Stop()
	r.server.Start()
	r.person("late")
	r.dir.Delete(harness.DN("early"))
	r.settles("after a restart")
	r.server.Kill()
	r.server.Start()
	r.person("later")
	r.settles("after a crash")
}

func TestDS389(t *testing.T) {
	s := harness.NewDS389(t, harness.DS389Config{})
	for _, kind := range []provider.Kind{provider.Auto, provider.PSearch, provider.Poll} {
		t.Run(string(kind), func(t *testing.T) {
			r := newRig(t, s, s.Directory, kind)
			t.Run("live", func(t *testing.T) { r.t = t; live(r, kind != provider.Poll) })
			r.t = t
			offline(r)
			restarts(r)
			for _, dn := range all(r) {
				s.Delete(dn)
			}
			r.settles("the end")
		})
	}
}

// all returns the DNs of all mail users.
func all(r *rig) (list []string) {
	for _, e := range r.dir.Entries("(uid=*)", "uid") {
		if e.First("uid") != "listener" {
			list = append(list, e.DN)
		}
	}
	return list
}

func TestSlapdByPolling(t *testing.T) {
	s := harness.NewSlapd(t)
	r := newRig(t, s, s.Directory, provider.Poll)
	live(r, false)
	offline(r)
	restarts(r)
}
