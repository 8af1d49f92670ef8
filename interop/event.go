package interop

// Command is what a [Process] is told to do; the package's documentation lists the commands and which of the members each
// takes.
type Command struct {
	Command   string `json:"command"`
	Transport string `json:"transport,omitempty"`
	URL       string `json:"url,omitempty"`
	Peer      int    `json:"peer"`
	Stream    *int   `json:"stream,omitempty"`
	Candidate string `json:"candidate,omitempty"`
	Bytes     int    `json:"bytes"`
	Seed      uint32 `json:"seed"`
	Chunk     int    `json:"chunk,omitempty"` // in bytes
	On        bool   `json:"on"`
	Count     int    `json:"count"`
	How       string `json:"how,omitempty"` // of seek

	ID int `json:"id"` // set by Begin
}

// Event is what a [Process] told; the package's documentation lists the events and which of the members each has.
type Event struct {
	Event      string            `json:"event"`
	ID         int               `json:"id"` // of the command that it answers
	URL        string            `json:"url"`
	Peer       int               `json:"peer"`
	Stream     int               `json:"stream"`
	Carrier    string            `json:"carrier"`
	Remote     string            `json:"remote"` // IP address and port, apart by a space
	Incoming   bool              `json:"incoming"`
	Relayed    bool              `json:"relayed"`
	Bytes      int               `json:"bytes"`
	SHA256     string            `json:"sha256"` // in hexadecimal
	Error      string            `json:"error"`
	Is         []string          `json:"is"`
	Protocol   int               `json:"protocol"`
	Phase      string            `json:"phase"`
	Name       string            `json:"name"` // of the process at the other end
	Circuits   int               `json:"circuits"`
	Goroutines int               `json:"goroutines"`
	Peers      []int             `json:"peers"`
	Candidates []Candidate       `json:"candidates"`
	Versions   map[string]string `json:"versions"`
}

// Candidate is whom a peer would introduce.
type Candidate struct {
	ID          string         `json:"id"`
	Network     string         `json:"network"`
	ConnectInfo map[string]any `json:"connectInfo"` // nil when the candidate accepts nobody
}

// Named returns a function that says whether an event has that name, for [Process.Await].
func Named(name string) func(Event) bool {
	return func(e Event) bool { return e.Event == name }
}
