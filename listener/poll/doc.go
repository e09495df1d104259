// Package poll follows a provider that tells nothing by itself: it asks again and again for what has a newer time of
// change, and now and then for everything. It is the last resort.
//
// The times are the provider's. Each question begins some seconds before the newest time that was seen, and before that as
// much as the last answer took, so that what is written in the same second, or while the answer came, or comes late from
// another server of the provider's, is found; what was known already makes no difference. Deletions, entries moved out of
// the base and those whose container was renamed have no newer time: they are found when everything is compared.
package poll
