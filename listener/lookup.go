package listener

import (
	"context"
	"errors"

	"github.com/mailreg/mailreg/schema"
)

var errNotSteps = errors.New("the session with the directory ended meanwhile")

// lookup is a question about entries beside the session, which goes on meanwhile: what it tells of one of them before the
// answer is brought in counts more than the answer, also when it changes nothing here.
type lookup struct {
	l        *Listener
	findings []finding
	verified map[schema.UUID]finding
	// overtaken is guarded by Listener.mu.
	overtaken map[schema.UUID]bool
}

// lookUp asks the provider about entries. The lookup must be closed.
func (l *Listener) lookUp(ctx context.Context, findings []finding) (*lookup, error) {
	k := &lookup{l: l, findings: findings, overtaken: map[schema.UUID]bool{}}
	l.mu.Lock()
	l.lookups[k] = struct{}{}
	l.mu.Unlock()
	var err error
	if k.verified, err = l.verify(ctx, findings); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *lookup) close() {
	k.l.mu.Lock()
	defer k.l.mu.Unlock()
	delete(k.l.lookups, k)
}

// overtake notes that an entry was told of, whoever asks about it.
func (l *Listener) overtake(uuid schema.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.lookups {
		k.overtaken[uuid] = true
	}
}

func (k *lookup) isOvertaken(uuid schema.UUID) bool {
	k.l.mu.Lock()
	defer k.l.mu.Unlock()
	return k.overtaken[uuid]
}

// bring takes in what a lookup has found, like live changes. It returns how many entries it was about, and how many got
// another name because of what is above them.
func (e *edit) bring(k *lookup) (brought, moved int) {
	for _, f := range k.findings {
		v := k.verified[f.uuid]
		_, outside := e.tx.Outside(f.uuid)
		if k.isOvertaken(f.uuid) || e.tx.Entry(f.uuid).Equal(v.entry) && outside == v.outside {
			continue
		}
		moved += e.live(v)
		brought++
	}
	return brought, moved
}

// inStep returns an error unless the session persists: a refresh would know better than who looks up what it is about.
func (l *Listener) inStep() error {
	if l.getSession().phase != phasePersist {
		return errNotSteps
	}
	return nil
}
