package schema

// Difference is something on a mail server that is not as the entry that was acknowledged says.
type Difference struct {
	// What is compared, such as "store"; Want and Have are what it should be and is, "" for nothing.
	What string `json:"what"`
	Want string `json:"want"`
	Have string `json:"have"`
}

// Stray is something on a mail server that belongs to no entry.
type Stray struct {
	// UUID is the owner that it is marked for; zero when it has no mark, or must not go by itself.
	UUID UUID
	Difference
}
