package wire

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Operations by their tag in a message (RFC 4511 §4.2 to §4.14).
const (
	BindRequest      = 0x60
	BindResponse     = 0x61
	SearchRequest    = 0x63
	SearchEntry      = 0x64
	SearchDone       = 0x65
	SearchReference  = 0x73
	AbandonRequest   = 0x50
	ExtendedRequest  = 0x77
	ExtendedResponse = 0x78
	Intermediate     = 0x79

	tagControls     = 0xa0
	tagReferral     = 0xa3
	tagResponseName = 0x8a
)

// NoticeOfDisconnection names the message by which a server announces that it closes the connection (RFC 4511 §4.4.1).
const NoticeOfDisconnection = "1.3.6.1.4.1.1466.20036"

// Message is a received message. Its strings share the memory of the whole.
type Message struct {
	// ID is that of the request that it answers, 0 for an unsolicited notice.
	ID int64
	// Operation is the tag, Value the content.
	Operation byte
	Value     string

	controls string
}

// ParseMessage reads what Reader.Next has returned.
func ParseMessage(body string) (m Message, err error) {
	id, rest, err := Expect(body, TagInteger)
	if err != nil {
		return Message{}, err
	}
	if m.ID, err = Number(id); err != nil {
		return Message{}, err
	}
	if m.Operation, m.Value, rest, err = Next(rest); err != nil {
		return Message{}, err
	}
	if rest != "" {
		if m.controls, _, err = Expect(rest, tagControls); err != nil {
			return Message{}, err
		}
	}
	return m, nil
}

// Control returns the value of a control by its OID, and whether the message has it. Without a value it is "".
func (m Message) Control(oid string) (value string, found bool, err error) {
	for rest := m.controls; rest != ""; {
		var control, name string
		if control, rest, err = Expect(rest, TagSequence); err != nil {
			return "", false, err
		}
		if name, control, err = Expect(control, TagOctets); err != nil {
			return "", false, err
		}
		if name != oid {
			continue
		}
		for control != "" {
			var tag byte
			var part string
			if tag, part, control, err = Next(control); err != nil {
				return "", false, err
			}
			if tag == TagOctets {
				return part, true, nil
			}
		}
		return "", true, nil
	}
	return "", false, nil
}

// Result is how a server ended an operation (RFC 4511 §4.1.9). Unless Code is 0, success, it is an error.
type Result struct {
	Code int64
	// Message is the server's own text.
	Message string
	// Name is the OID of an extended response, "" in others.
	Name string
}

// Result reads the message's value as a result.
func (m Message) Result() (*Result, error) {
	code, rest, err := Expect(m.Value, TagEnumerated)
	if err != nil {
		return nil, err
	}
	r := &Result{}
	if r.Code, err = Number(code); err != nil {
		return nil, err
	}
	if _, rest, err = Expect(rest, TagOctets); err != nil { // the matched DN
		return nil, err
	}
	if r.Message, rest, err = Expect(rest, TagOctets); err != nil {
		return nil, err
	}
	for rest != "" {
		var tag byte
		var value string
		if tag, value, rest, err = Next(rest); err != nil {
			return nil, err
		}
		if tag == tagResponseName && m.Operation == ExtendedResponse {
			r.Name = value
		}
	}
	return r, nil
}

// Err returns nil for success, else the result.
func (r *Result) Err() error {
	if r.Code == ldap.LDAPResultSuccess {
		return nil
	}
	return r
}

// Error gives the code with its name and the server's text.
func (r *Result) Error() string {
	text := fmt.Sprintf("result %d", r.Code)
	if r.Code >= 0 && r.Code <= 0xffff && ldap.LDAPResultCodeMap[uint16(r.Code)] != "" {
		text += " (" + ldap.LDAPResultCodeMap[uint16(r.Code)] + ")"
	}
	if r.Message != "" {
		text += ": " + r.Message
	}
	return text
}
