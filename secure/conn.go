package secure

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/peer-exchange/exchange/identity"
)

// maxEmptyRecords is how many records without plaintext may follow each other:
// they are free to send and would keep a Read busy for ever.
const maxEmptyRecords = 16

// Conn is a [net.Conn] between two peers that know each other's identity. All
// methods may be called concurrently; concurrent Reads, and concurrent Writes,
// take turns.
//
// A Conn has no deadlines, see the package documentation.
type Conn struct {
	// immutable
	carrier  net.Conn
	peer     identity.ID
	binding  [32]byte
	exporter []byte

	closed   atomic.Bool // by the user
	broken   atomic.Pointer[error]
	closing  sync.Once
	closeErr error

	reading turn // guards what follows
	in      reader
	opener  cipherState
	pending []byte // plaintext in in.buf that no Read took yet
	empty   int    // records without plaintext in a row
	readErr error

	writing turn // guards what follows
	out     writer
}

var _ net.Conn = (*Conn)(nil)

// Peer returns the proven identity of the other end.
func (c *Conn) Peer() identity.ID { return c.peer }

// Binding returns what identifies this connection and both ends agree on: the
// Noise handshake hash (Noise §11.2). It is not secret, whoever sees the
// carrier can compute it. No two connections have the same.
func (c *Conn) Binding() [32]byte { return c.binding }

// Export returns a secret of this connection for the use that label names: both
// ends get the same, and nobody else can compute it, not even who carries the
// bytes. Labels are independent of each other and of the records' keys.
//
// It is HKDF-SHA256 (RFC 5869) with the two keys that Noise's Split gives, the
// dialer's first, as input, the binding as salt, and "PXP2 export", a zero byte
// and the label as info.
func (c *Conn) Export(label string) [32]byte {
	return [32]byte(mustHKDF(hkdf.Expand(sha256.New, c.exporter, "PXP2 export\x00"+label, 32)))
}

// Read reads what the peer wrote, at least one byte, and more as far as it has
// arrived. It blocks until there is something, and returns with an error when
// the Conn is closed (net.ErrClosed), the carrier ends ([io.EOF] between two
// records, [io.ErrUnexpectedEOF] inside one) or fails, or a record is not what
// the peer sent ([ErrAuthentication]). After an error other than of Close it
// always returns that error. All of p may be written to, whatever the result.
func (c *Conn) Read(p []byte) (int, error) {
	c.reading.take()
	defer c.reading.give()
	if c.closed.Load() {
		return 0, errClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := copy(p, c.pending)
	if c.pending = c.pending[n:]; len(c.pending) == 0 {
		c.pending = nil // not to keep a buffer that in gives up
	}
	// Block for the first byte, then take what is there already.
	for c.readErr == nil && (n == 0 || n < len(p) && c.in.ready()) {
		var record []byte
		if record, c.readErr = c.in.record(maxRecord); c.readErr == nil {
			var got int
			got, c.readErr = c.open(p[n:], record)
			n += got
		}
	}
	if n > 0 {
		return n, nil // an error stays for the next Read
	}
	return 0, c.failure(c.readErr)
}

// open opens a record into p, and into c.pending what p does not hold.
func (c *Conn) open(p, record []byte) (int, error) {
	if len(record) < tagSize {
		return 0, c.fail(fmt.Errorf("%w: %d bytes, a record has at least %d", ErrAuthentication, len(record), tagSize))
	}
	if len(record) == tagSize {
		if c.empty++; c.empty > maxEmptyRecords {
			return 0, c.fail(errEmptyRecords)
		}
	} else {
		c.empty = 0
	}
	if size := len(record) - tagSize; size <= len(p) {
		plaintext, err := c.opener.open(p[:0:size], record)
		if err != nil {
			return 0, c.fail(err)
		}
		return len(plaintext), nil
	}
	plaintext, err := c.opener.open(record[:0], record)
	if err != nil {
		return 0, c.fail(err)
	}
	n := copy(p, plaintext)
	c.pending = plaintext[n:]
	return n, nil
}

// Write sends p and returns when the carrier has taken it: it blocks for as
// long as the carrier does, and returns with an error when the Conn is closed
// (net.ErrClosed), was broken by the peer (what Read says), or the carrier
// fails; then at least n bytes of p are in records that the carrier took whole.
// After an error it always fails. It keeps nothing of p.
//
// One Write makes as few records as possible, of at most 36846 bytes each, and
// two of them are one Write of the carrier; two Writes never share one. A Write
// of nothing sends nothing.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.take()
	defer c.writing.give()
	if c.closed.Load() || c.broken.Load() != nil {
		return 0, c.failure(nil)
	}
	n, err := c.out.write(p)
	if err != nil {
		err = c.failure(err)
	}
	return n, err
}

// Close closes the carrier; blocked Reads and Writes return. What Write was
// given before has been handed to the carrier and is the carrier's to deliver.
// The peer is told nothing but the end of the carrier. Later calls have no
// effect and return what the first did.
func (c *Conn) Close() error {
	c.closed.Store(true)
	return c.closeCarrier()
}

func (c *Conn) closeCarrier() error {
	c.closing.Do(func() { c.closeErr = c.carrier.Close() })
	return c.closeErr
}

// fail ends the connection in both directions because of what the peer sent.
func (c *Conn) fail(err error) error {
	c.broken.CompareAndSwap(nil, &err)
	_ = c.closeCarrier() // the reason is err
	return err
}

// failure returns what to tell the user in place of the error of a carrier that
// this end closed.
func (c *Conn) failure(err error) error {
	if c.closed.Load() {
		return errClosed
	}
	if broken := c.broken.Load(); broken != nil {
		return *broken
	}
	return err
}

// turn is a lock that is held while the carrier blocks: a channel of capacity 1,
// full while somebody has it, never closed. A goroutine that waits for it
// counts as blocked in a testing/synctest bubble, which one that waits for a
// [sync.Mutex] does not: there time would stand still.
type turn chan struct{}

func (t turn) take() { t <- struct{}{} }
func (t turn) give() { <-t }

// LocalAddr returns the carrier's.
func (c *Conn) LocalAddr() net.Addr { return c.carrier.LocalAddr() }

// RemoteAddr returns the carrier's: where the peer is seen, not who it is.
func (c *Conn) RemoteAddr() net.Addr { return c.carrier.RemoteAddr() }

// SetDeadline returns an error that wraps [os.ErrNoDeadline] and does nothing.
func (c *Conn) SetDeadline(time.Time) error { return errNoDeadline }

// SetReadDeadline does what [Conn.SetDeadline] does.
func (c *Conn) SetReadDeadline(time.Time) error { return errNoDeadline }

// SetWriteDeadline does what [Conn.SetDeadline] does.
func (c *Conn) SetWriteDeadline(time.Time) error { return errNoDeadline }

var errNoDeadline = fmt.Errorf("secure: set deadline: %w", os.ErrNoDeadline)
