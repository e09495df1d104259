package cyrus

import (
	"context"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/schema"
)

// SetQuota limits the store that an owner has, under whatever address it lies, to so many KB; 0 is no limit. A store without
// limit that never had one gets no quota root, and an owner without a store nothing. Idempotent.
func (b *Backend) SetQuota(ctx context.Context, owner schema.UUID, limit int64) error {
	w, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	st, found, err := w.locate(owner)
	if err == nil && found {
		err = w.limit(st.name, limit)
	}
	if err != nil {
		return fmt.Errorf("quota of the %w", failed(owner, err))
	}
	return nil
}

// Quota returns the limit of an owner's store in KB, 0 for none; found is false when there is no store.
func (b *Backend) Quota(ctx context.Context, owner schema.UUID) (limit int64, found bool, err error) {
	w, err := b.begin(ctx)
	if err != nil {
		return 0, false, err
	}
	defer w.end()
	st, found, err := w.locate(owner)
	if err == nil && found {
		limit, err = w.limitOf(st.name)
	}
	return limit, found && err == nil, failed(owner, err)
}

// limit sets a quota root unless it is so already.
func (w *work) limit(root string, limit int64) error {
	now, err := w.limitOf(root)
	if err != nil || now == limit {
		return err
	}
	limits := map[imap.QuotaResourceType]int64{}
	if limit > 0 {
		limits[imap.QuotaResourceStorage] = limit
	}
	return w.change("limiting", root, func(s *session) error { return s.SetQuota(root, limits).Wait() })
}

// limitOf returns the limit of a mailbox that is its own quota root, 0 for none.
func (w *work) limitOf(mailbox string) (limit int64, err error) {
	err = w.do(func(s *session) error {
		roots, err := s.GetQuotaRoot(mailbox).Wait()
		for _, root := range roots {
			if root.Root == mailbox {
				limit = root.Resources[imap.QuotaResourceStorage].Limit
			}
		}
		return err
	})
	return limit, err
}
