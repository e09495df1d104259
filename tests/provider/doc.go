// Package provider tests what directory servers do against what the listener relies on: real ones, and one that lies.
//
// Each fact about OpenLDAP's syncprov that was measured before the listener was built has a test by its number, and so has
// each trap of go-ldap's own Syncrepl, with what our session does instead:
//
//	fact                                                            test
//	 1 initial content ends as a delete phase, and is a snapshot    OpenLDAP01
//	 2 nothing changed: an empty cookie, which counts for nothing   OpenLDAP02
//	 3 without a session log: a present phase in sets               OpenLDAP03
//	 4 with one: sets of what is gone, cookies in the middle        OpenLDAP04
//	 5 delete and add again under one DN: gone, then added          OpenLDAP05
//	 6 of a swap only the end is seen, as additions                 OpenLDAP06
//	 7 of a subtree rename only the container is told, or nothing   OpenLDAP07
//	 8 leaving filter or base looks like a delete                   OpenLDAP08
//	 9 a wider search with the old cookie: nothing has changed      OpenLDAP09
//	10 a garbage cookie, one from the past, one of a stranger       OpenLDAP10
//	11 a cookie from the future: 53 until the next write            OpenLDAP11
//	12 killed without checkpoint: the position falls back           OpenLDAP12
//	13 the size limit cuts a refresh, but not the sets              OpenLDAP13
//	14 referral objects                                             OpenLDAP14
//	15 writes outside the filter move the position                  OpenLDAP15, GoLDAP01
//	go-ldap: newCookie decodes as empty                             GoLDAP01
//	sync members read by position                                   GoLDAP02
//	SetTimeout kills a persistent search                            GoLDAP03
//	a slow reader stalls every request of the connection            GoLDAP04
//	Close hangs while nobody drains                                 GoLDAP05
//	no reason on cancel and closed connections, no Abandon          GoLDAP06
//	a decode error must not leave its cookie behind                 GoLDAP07
//	references: one URI only, sync state lost                       GoLDAP08
//	a notice of disconnection is just unexpected                    GoLDAP09
//	controls pile up on reconnects                                  GoLDAP10
//	partial results come with the error                             GoLDAP11
//	messages of up to 2 GiB                                         GoLDAP12
//	StartTLS has neither name nor deadline                          GoLDAP13
//	options are part of attribute names                             GoLDAP14
package provider
