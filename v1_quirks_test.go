package exchange_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/peer-exchange/exchange"
	"github.com/peer-exchange/exchange/internal/bubble"
	"github.com/peer-exchange/exchange/internal/memnet"
	"github.com/peer-exchange/exchange/pxp"
)

// quirk is what an original was sent to see what it does, and what it did.
type quirk struct {
	Name             string
	Sent             string // hex
	ReceivedMessages []string
	Socket           string // "open", or how the original closed it
	ServerExit       *int   // its process ended
}

// quirkDiffers is what a node does where that is not what the original does.
type quirkDiffers struct {
	messages []string // nil: those of the original; after the hello
	closes   bool
	why      string // and where the specification says so
}

var quirksDiffer = map[string]quirkDiffers{
	// What ends the original's process (PXP §16.10).
	"relay args null":                               {nil, true, "malformed"},
	"incoming args null":                            {nil, true, "malformed"},
	"message of 2 elements":                         {nil, true, "malformed"},
	"message is not JSON":                           {nil, true, "malformed"},
	`res with nonce "error"`:                        {nil, true, "malformed"},
	`res with nonce "connect"`:                      {nil, true, "malformed"},
	"unknown command":                               {nil, false, "is dropped"},
	`command "error"`:                               {nil, false, "is dropped"},
	"destroy of the pxp channel":                    {nil, true, "ends the session"},
	"frame length 2^40":                             {nil, true, "beyond a limit"},
	"upgrade with an empty signal (inside a relay)": {notMet, false, stranger},
	"upgrade args null (inside a relay)":            {notMet, false, stranger},

	// Where the original leaves a connection dead, a node closes.
	"hello networks not an array":    {nil, true, "hello that cannot be read, §16.10"},
	"hello args null":                {nil, true, "hello that cannot be read, §16.10"},
	"getpeers before hello":          {nil, true, "what is not a hello, §16.4"},
	"second open of channel 0":       {nil, true, "the control stream is replaced, §16.3"},
	"end of the pxp channel":         {nil, true, "no control stream, §16.3"},
	"varint of 20 bytes":             {nil, true, "beyond a limit, §16.11"},
	"frame length 2^31, little data": {nil, true, "beyond a limit, §16.11"},

	// Where the original closes, the session stays.
	"getpeers unknown network":    {nil, false, "§16.10"},
	"connect unknown network":     {refusal(`Peer tried to connect to an unknown network:\"zzz\"`), false, "refused, not granted, §16.5.6"},
	"connect twice":               {[]string{`["res","1",null]`, `["res","2","duplicate: connects twice: the data stream is open here"]`}, false, "§16.6"},
	"relay unknown candidate":     {refusal("unknown token"), false, "an id that is old or unknown, §16.10"},
	"relay args not an array":     {refusal("unknown token"), false, "an id that is old or unknown, §16.10"},
	"destroy of the data channel": {nil, false, "ends that stream only, §16.10"},

	// A node meets nobody for a stranger, nor in silence.
	"incoming (raw relay to server, then hello on inner)": {notMet, false, stranger},
	"upgrade, unknown transport (inside a relay)":         {notMet, false, stranger},
	"incoming when allowIncoming=false":                   {notMet, false, "says so, §16.5.4"},
}

func refusal(why string) []string { return []string{`["res","1","` + why + `"]`} }

var notMet = refusal("refused")

// stranger: TestVersion1Quirks gives a node these cases also from one that has
// connected, as every original does that is somebody's peer.
const stranger = "whoever has not connected introduces nobody"

const quirkHello = `["hello","0",[1,{"pxp":true,"relay":`

// TestVersion1Quirks gives a node all that an original was given. It answers as
// that did, or as the table above says, and lives on.
func TestVersion1Quirks(t *testing.T) {
	data, err := os.ReadFile("spec/vectors/v1/quirks.json")
	if err != nil {
		t.Fatal(err)
	}
	var quirks []quirk
	if err := json.Unmarshal(data, &quirks); err != nil || len(quirks) != 54 {
		t.Fatalf("%d cases, %v", len(quirks), err)
	}
	for _, q := range quirks {
		t.Run(q.Name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) { q.run(t) })
		})
		if quirksDiffer[q.Name].why == stranger {
			t.Run(q.Name+", from a peer", func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) { q.connected(t).run(t) })
			})
		}
	}
	for name := range quirksDiffer {
		if !slices.ContainsFunc(quirks, func(q quirk) bool { return q.Name == name }) {
			t.Errorf("no case %q", name)
		}
	}
}

// connected is the same from one that connects behind its hello. The session
// stays, whatever comes in the circuit.
func (q quirk) connected(t *testing.T) quirk {
	const hello = 5 + 5 + 2 + 70 // in bytes, with all before it
	if !strings.HasPrefix(q.Sent[2*(hello-1):], "0a") {
		t.Fatal("the hello does not end there")
	}
	const connect = `["connect","c","somenet"]` + "\n"
	q.Sent = q.Sent[:2*hello] + hex.EncodeToString([]byte("\x02"+string(rune(len(connect)))+connect)) + q.Sent[2*hello:]
	q.ReceivedMessages = slices.Insert(slices.Clone(q.ReceivedMessages), 1, `["res","c",null]`)
	q.Name, q.Socket, q.ServerExit = q.Name+", from a peer", "open", nil
	return q
}

func (q quirk) run(t *testing.T) {
	sent, err := hex.DecodeString(q.Sent)
	if err != nil {
		t.Fatal(err)
	}
	ex, err := exchange.New("somenet", &exchange.Config{
		Transport: &fakeTransport{web: newFakeWeb()}, RefuseIncoming: q.Name == "incoming when allowIncoming=false",
	})
	if err != nil {
		t.Fatal(err)
	}
	door := memnet.Listen("node", nil)
	served := make(chan error, 1)
	go func() { served <- ex.Serve(door) }() // ends with the exchange
	echoed := make(chan struct{})
	go func() { // ends with the exchange
		defer close(echoed)
		for l := ex.Listener(); ; {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	defer func() {
		ex.Close()
		<-served
		<-echoed
	}()

	socket, err := door.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := socket.Write(sent); err != nil {
		t.Logf("writing: %v", err) // it has closed before it had all
	}
	switch q.Name {
	case "half close (FIN) by the client":
		err = socket.CloseWrite()
	case "RST by the client":
		err = socket.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var received []byte
	closed := false
	if q.Name != "RST by the client" {
		_ = socket.SetReadDeadline(time.Now().Add(3 * time.Second)) // as long as the original was watched
		received, err = io.ReadAll(socket)
		closed = !errors.Is(err, os.ErrDeadlineExceeded)
	}
	synctest.Wait()

	want := quirkDiffers{messages: q.ReceivedMessages[min(1, len(q.ReceivedMessages)):], closes: q.Socket == "FIN"}
	d, differs := quirksDiffer[q.Name]
	if differs {
		if d.messages == nil {
			d.messages = want.messages
		}
		if slices.Equal(d.messages, want.messages) && d.closes == want.closes && q.ServerExit == nil {
			t.Error("is not a difference")
		}
		want = d
	}
	lines := linesOf(t, received)
	if len(lines) > 0 {
		if !strings.HasPrefix(lines[0], quirkHello) {
			t.Errorf("hello %s", lines[0])
		}
		lines = lines[1:]
	}
	if !slices.Equal(lines, want.messages) || closed != want.closes {
		t.Errorf("said %q, closed %v; want %q, %v", lines, closed, want.messages, want.closes)
	}
	if q.ServerExit != nil && !differs {
		t.Errorf("the original's process ends: what does a node do?")
	}

	// Others are served as before.
	other, err := door.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	const hello = `["hello","0",[1,null,["somenet"]]]` + "\n"
	const connect = `["connect","1","somenet"]` + "\n"
	_, err = io.WriteString(other, pxp.Magic1+"\x00\x03pxp\x02"+string(rune(len(hello)))+hello+"\x02"+string(rune(len(connect)))+connect)
	if err != nil {
		t.Fatal(err)
	}
	_ = other.SetReadDeadline(time.Now().Add(time.Second))
	got, _ := io.ReadAll(other)
	if l := linesOf(t, got); len(l) != 2 || l[1] != `["res","1",null]` {
		t.Errorf("another peer got %q", l)
	}
}

// linesOf returns the lines on the control stream of what a node has sent.
func linesOf(t *testing.T, b []byte) (lines []string) {
	t.Helper()
	if len(b) == 0 {
		return nil
	}
	if !strings.HasPrefix(string(b), pxp.Magic1) {
		t.Fatalf("begins with %.5q", b)
	}
	var text strings.Builder
	for b = b[len(pxp.Magic1):]; len(b) > 0; {
		head, n := binary.Uvarint(b)
		length, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || uint64(len(b)-n-m) < length {
			t.Fatalf("frame %.20x", b)
		}
		b = b[n+m:]
		if head == 2 { // data of channel 0
			text.Write(b[:length])
		}
		b = b[length:]
	}
	for l := range strings.Lines(text.String()) {
		lines = append(lines, strings.TrimSuffix(l, "\n"))
	}
	return lines
}
