package secure

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/peer-exchange/exchange/internal/memnet"
)

// receiver returns the acceptor's end of a connection whose carrier brings what
// the test says, and the dialer's cipher to make records with.
func receiver(t testing.TB, in io.Reader) (*Conn, *script, *cipherState) {
	t.Helper()
	client, server := pair(t)
	carrier := &script{in: in}
	server.carrier, server.in.carrier, server.out.carrier = carrier, carrier, carrier
	return server, carrier, &client.out.sealer
}

// seal returns records of the plaintexts.
func seal(t testing.TB, c *cipherState, plaintexts ...[]byte) (records [][]byte) {
	t.Helper()
	for _, p := range plaintexts {
		sealed, err := c.seal(nil, p)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, frame(sealed))
	}
	return records
}

func TestReadsAndWritesOfAllSizes(t *testing.T) {
	sizes := []int{1, 2, 15, 4078, 4079, 4096, 16384, maxSent, maxSent + 1, 65519, 65520, 200_000}
	for _, bufSize := range []int{1, 7, 4096, 32768, 1 << 20} {
		a, b := memnet.Pipe()
		x := &tap{Conn: a}
		client, server := pairOver(t, x, b)
		x.writes = nil
		var want []byte
		for _, n := range sizes {
			want = append(want, pattern(n)...)
		}
		done := make(chan error, 1)
		go func() {
			rest := want
			for _, n := range sizes {
				if got, err := client.Write(rest[:n]); got != n || err != nil {
					done <- err
					return
				}
				rest = rest[n:]
			}
			done <- client.Close()
		}()
		got, err := io.ReadAll(&chunked{server, bufSize})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("reads of %d bytes: %v, %d bytes, equal: %v", bufSize, err, len(got), bytes.Equal(got, want))
		}
		if err := <-done; err != nil {
			t.Errorf("reads of %d bytes: %v", bufSize, err)
		}
		for _, w := range x.writes {
			records := 0
			for rest := w; len(rest) > 0; records++ {
				size := lengthSize + int(rest[0])<<8 + int(rest[1])
				if size > sentRecord || size > len(rest) || size < sentRecord && size != len(rest) {
					t.Fatalf("a record of %d bytes in the last %d of a write", size, len(rest))
				}
				rest = rest[size:]
			}
			if records > sentRecords {
				t.Errorf("a write of %d records", records)
			}
		}
	}
}

// chunked reads at most n bytes at a time.
type chunked struct {
	io.Reader
	n int
}

func (c *chunked) Read(p []byte) (int, error) { return c.Reader.Read(p[:min(len(p), c.n)]) }

// Another implementation may send records larger than ours.
func TestLargestRecord(t *testing.T) {
	in := new(bytes.Buffer)
	server, _, dialer := receiver(t, in)
	want := pattern(maxRecord - tagSize)
	for _, bufSize := range []int{1 << 20, 65519, 65518, 1000} {
		record := seal(t, dialer, want)[0]
		if len(record) != 2+65535 {
			t.Fatalf("record of %d bytes", len(record))
		}
		in.Write(record)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(&chunked{server, bufSize}, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("reads of %d bytes: %v, equal %v", bufSize, err, bytes.Equal(got, want))
		}
	}
}

// One read of the carrier brings many records, and one Read returns all of
// them, as far as there is room.
func TestManyRecordsARead(t *testing.T) {
	in := new(bytes.Buffer)
	server, carrier, dialer := receiver(t, in)
	var want []byte
	for i := range 50 {
		p := pattern(i + 1)
		in.Write(seal(t, dialer, p)[0])
		want = append(want, p...)
	}
	carrier.reads = 0
	server.in.medium = time.Now() // has not been idle
	got := make([]byte, len(want)+1)
	n, err := server.Read(got)
	if err != nil || !bytes.Equal(got[:n], want) || carrier.reads != 1 {
		t.Errorf("%d of %d bytes in %d reads, %v", n, len(want), carrier.reads, err)
	}
}

// Small records in bulk come in large reads too.
func TestBulkOfSmallRecords(t *testing.T) {
	client, server := pair(t)
	out := new(bytes.Buffer)
	client.out.carrier = out
	const records, size = 4000, 100
	for range records {
		if _, err := client.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	carrier := &script{in: out}
	server.in.carrier = carrier
	most := out.Len()/(readBuffer-1000) + 4 // the first three read less
	if n, err := io.Copy(io.Discard, struct{ io.Reader }{server}); n != records*size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if carrier.reads > most {
		t.Errorf("%d reads of the carrier, want at most %d", carrier.reads, most)
	}
}

// Whatever happens to three records on the way, of which the first is whole,
// the connection ends behind the last that came as it was sent.
func TestRecordsNotAuthentic(t *testing.T) {
	damages := map[string]func(r [][]byte, own []byte) [][]byte{
		"swapped":         func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], r[2], r[1]} },
		"replayed":        func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], r[0], r[1], r[2]} },
		"replayed later":  func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], r[1], r[0], r[2]} },
		"dropped":         func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], r[2]} },
		"reflected":       func(r [][]byte, own []byte) [][]byte { return [][]byte{r[0], own, r[1]} },
		"joined":          func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], frame(append(r[1][2:], r[2][2:]...))} },
		"tag cut":         func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], frame(r[1][2 : len(r[1])-1])} },
		"only a tag":      func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], frame(make([]byte, 16)), r[1]} },
		"fifteen bytes":   func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], frame(make([]byte, 15)), r[1]} },
		"length zero":     func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], {0, 0}, r[1]} },
		"a byte inserted": func(r [][]byte, _ []byte) [][]byte { return [][]byte{r[0], frame(append([]byte{7}, r[1][2:]...))} },
	}
	for i := range 3 + tagSize { // every byte of a record of three, not of its length
		damages["flipped "+string(rune('a'+i))] = func(r [][]byte, _ []byte) [][]byte {
			r[1][lengthSize+i] ^= 1 << (i % 8)
			return r
		}
	}
	for name, damage := range damages {
		for _, bufSize := range []int{1, 3, 4096} { // opened in place, exactly, with room
			in := new(bytes.Buffer)
			server, carrier, dialer := receiver(t, in)
			records := seal(t, dialer, []byte("one"), []byte("two"), []byte("333"))
			own := seal(t, &server.out.sealer, []byte("own"))[0]
			server.out.sealer.n = 0
			for _, r := range damage(records, own) {
				in.Write(r)
			}
			in.Write(bytes.Repeat([]byte{0}, 40))
			var got []byte
			var err error
			for err == nil && len(got) < 100 {
				buf := make([]byte, bufSize)
				var n int
				n, err = server.Read(buf)
				got = append(got, buf[:n]...)
			}
			if !errors.Is(err, ErrAuthentication) {
				t.Errorf("%s: %v", name, err)
			}
			if want := "one"; string(got) != want && !(name == "replayed later" && string(got) == "onetwo") {
				t.Errorf("%s: read %q, want %q", name, got, want)
			}
			// Dead for good, in both directions.
			in.Write(records[1])
			if n, again := server.Read(make([]byte, 10)); n != 0 || again != err {
				t.Errorf("%s: the next Read: %d, %v", name, n, again)
			}
			if n, again := server.Write([]byte("x")); n != 0 || !errors.Is(again, ErrAuthentication) || carrier.out.Len() > 0 {
				t.Errorf("%s: the next Write: %d, %v", name, n, again)
			}
			if !carrier.closed {
				t.Errorf("%s: the carrier is open", name)
			}
			if err := server.Close(); err != nil {
				t.Errorf("%s: Close: %v", name, err)
			}
			if _, err := server.Read(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: Read after Close: %v", name, err)
			}
		}
	}
}

func TestCarrierEnds(t *testing.T) {
	_, _, other := receiver(t, nil)
	lengths := []int{}
	total := 0
	for _, r := range seal(t, other, []byte("one"), pattern(5000), []byte("x")) {
		total += len(r)
		lengths = append(lengths, total)
	}
	for n := range total + 1 {
		in := new(bytes.Buffer)
		server, _, dialer := receiverCheap(t, in)
		for _, r := range seal(t, dialer, []byte("one"), pattern(5000), []byte("x")) {
			in.Write(r)
		}
		in.Truncate(n)
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.DataErrReader} {
			s := *in
			server.in = reader{carrier: wrap(&s), growable: true}
			server.opener.n, server.readErr = 0, nil
			_, err := io.Copy(io.Discard, struct{ io.Reader }{server})
			if n == 0 || slices.Contains(lengths, n) {
				if err != nil { // io.Copy's word for io.EOF
					t.Fatalf("end after %d bytes, between records: %v", n, err)
				}
				if got, err := server.Read(make([]byte, 1)); got != 0 || err != io.EOF {
					t.Fatalf("end after %d bytes, again: %d, %v", n, got, err)
				}
				continue
			}
			if err != io.ErrUnexpectedEOF {
				t.Fatalf("end after %d bytes, inside a record: %v", n, err)
			}
			if _, err := server.Read(make([]byte, 1)); err != io.ErrUnexpectedEOF {
				t.Fatalf("end after %d bytes, again: %v", n, err)
			}
		}
	}
}

// receiverCheap is receiver without a handshake.
func receiverCheap(t testing.TB, in io.Reader) (*Conn, *script, *cipherState) {
	t.Helper()
	sealer, err := newCipherState([32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	carrier := &script{in: in}
	c := &Conn{carrier: carrier, opener: sealer, reading: make(turn, 1), writing: make(turn, 1)}
	c.in.carrier, c.in.growable, c.out.carrier = in, true, carrier
	if c.out.sealer, err = newCipherState([32]byte{2}); err != nil {
		t.Fatal(err)
	}
	return c, carrier, &sealer
}

func TestEmptyRecords(t *testing.T) {
	in := new(bytes.Buffer)
	server, carrier, dialer := receiver(t, in)
	empty := func(n int) {
		for range n {
			in.Write(seal(t, dialer, nil)[0])
		}
	}
	for range 3 { // the count starts again with each record that is not empty
		empty(maxEmptyRecords)
		in.Write(seal(t, dialer, []byte("x"))[0])
		buf := make([]byte, 1)
		if n, err := server.Read(buf); n != 1 || err != nil {
			t.Fatalf("behind empty records: %d, %v", n, err)
		}
	}
	empty(maxEmptyRecords + 1)
	in.Write(seal(t, dialer, []byte("x"))[0])
	n, err := server.Read(make([]byte, 10))
	if n != 0 || err != errEmptyRecords || !carrier.closed {
		t.Errorf("%d, %v, closed %v", n, err, carrier.closed)
	}
	if _, err := server.Write([]byte("x")); err != errEmptyRecords {
		t.Errorf("the next Write: %v", err)
	}
}

func TestNothing(t *testing.T) {
	in := new(bytes.Buffer)
	server, carrier, dialer := receiver(t, in)
	if n, err := server.Write(nil); n != 0 || err != nil || carrier.out.Len() != 0 {
		t.Errorf("Write of nothing: %d, %v, sent %d bytes", n, err, carrier.out.Len())
	}
	in.Write(seal(t, dialer, []byte("x"))[0])
	if n, err := server.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
	if n, err := server.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("Read after it: %d, %v", n, err)
	}
}

// Records are numbered over all eight bytes of the nonce.
func TestNonces(t *testing.T) {
	in := new(bytes.Buffer)
	server, _, dialer := receiver(t, in)
	buf := make([]byte, 8)
	check := func(n int) {
		t.Helper()
		for range n {
			in.Write(seal(t, dialer, buf)[0])
			if got, err := server.Read(buf); got != 8 || err != nil {
				t.Fatalf("record %d: %d, %v", dialer.n-1, got, err)
			}
		}
	}
	check(70_000) // over two bytes
	for _, n := range []uint64{1<<24 - 2, 1<<32 - 2, 1<<56 - 2, maxNonce - 3} {
		dialer.n, server.opener.n = n, n
		check(4)
	}
	// Both used maxNonce as the last.
	if _, err := dialer.seal(nil, buf); err != ErrExhausted {
		t.Errorf("seal: %v", err)
	}
	in.Write(frame(make([]byte, 24)))
	if _, err := server.Read(buf); err != ErrExhausted {
		t.Errorf("Read: %v", err)
	}
	server, carrier, _ := receiver(t, in)
	server.out.sealer.n = maxNonce
	if n, err := server.Write(make([]byte, maxSent+1)); n != 0 || err != ErrExhausted {
		t.Errorf("Write: %d, %v", n, err)
	}
	if got := carrier.out.Len(); got != 0 {
		t.Errorf("sent %d bytes of a write that needs one nonce more", got)
	}
	// Two records of one text have nothing in common.
	_, _, c := receiver(t, in)
	r := seal(t, c, buf, buf)
	if bytes.Equal(r[0], r[1]) {
		t.Error("two records are the same")
	}
}
