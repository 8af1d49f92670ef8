//go:build linux

package browser

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/peer-exchange/exchange/interop"
)

const (
	network = "browser"
	address = "10.9.0.1" // ours, as isolated.sh sets it

	// allTime bounds each test. It says nothing about how long things take.
	allTime = 2 * time.Minute

	// programVariable is set inside the namespace: to where the program pxp is.
	programVariable = "EXCHANGE_BROWSER_TEST_PXP"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program returns the program pxp; it is "" outside the namespace.
func program() string { return os.Getenv(programVariable) }

// chromium returns the program that driver.js starts.
func chromium() string {
	if name := os.Getenv("CHROMIUM"); name != "" {
		return name
	}
	return "/usr/bin/chromium"
}

// missing returns why the test cannot run here; nil when it can.
func missing() error {
	if err := interop.Missing(".."); err != nil {
		return err
	}
	for _, name := range []string{"esbuild", "playwright-core"} {
		if _, err := os.Stat(filepath.Join("..", "node_modules", name)); err != nil {
			return fmt.Errorf(`the npm package %s is not installed: run "npm ci" in the directory interop`, name)
		}
	}
	if _, err := exec.LookPath(chromium()); err != nil {
		return fmt.Errorf("no Chromium: install it, or set CHROMIUM: %w", err)
	}
	for _, name := range []string{"bash", "unshare", "ip"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("no program %s in the PATH: install bash, util-linux and iproute2", name)
		}
	}
	if out, err := exec.Command("./isolated.sh", "true").CombinedOutput(); err != nil {
		return fmt.Errorf("no network namespace can be made here, which root can: %w: %s", err, out)
	}
	return nil
}

// TestBrowser runs itself once more in a network namespace, where it is the test.
func TestBrowser(t *testing.T) {
	if program() != "" {
		t.Run("the page asks", pageAsks)
		t.Run("the page is met", pageIsMet)
		return
	}
	if err := missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir() // and for what Chromium leaves
	pxp := filepath.Join(dir, "pxp")
	if out, err := exec.Command("go", "build", "-o", pxp, "github.com/peer-exchange/exchange/cmd/pxp").CombinedOutput(); err != nil {
		t.Fatalf("building pxp: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*allTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "./isolated.sh", os.Args[0], "-test.run=^TestBrowser$", "-test.v")
	cmd.Env = append(os.Environ(), programVariable+"="+pxp, "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	t.Logf("in a network namespace:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "PASS: TestBrowser/the_page_is_met") {
		t.Fatal("the tests in the namespace did not run")
	}
}

// limited returns a context for a test, with its time limit, and checks that the test is where it should be.
func limited(t *testing.T) context.Context {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if !slices.Contains([]string{"lo", "v0", "v1"}, i.Name) {
			t.Fatalf("interface %s: this is no namespace of our own", i.Name)
		}
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), allTime, fmt.Errorf("did not happen within %v", allTime))
	t.Cleanup(cancel)
	return ctx
}

// startRelay starts a node that listens for TCP and WebSocket.
func startRelay(ctx context.Context, t *testing.T) *node {
	t.Helper()
	return startNode(ctx, t, "relay", "--listen", "tcp://"+address+":0", "--listen", "ws://"+address+":0/pxp")
}

// startPage starts Chromium with the original, and connects it to the relay.
func startPage(ctx context.Context, t *testing.T, relay *node) (page *interop.Process, stream int) {
	t.Helper()
	page, err := interop.Start(ctx, interop.Options{Name: "page", Network: network, Command: []string{"node", "driver.js"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		page.Kill() // Chromium ends with the namespace, if it has not ended
		if t.Failed() {
			t.Log(page.Transcript())
		}
	})
	t.Logf("running %v", page.Events()[0].Versions)
	e, err := page.Do(ctx, interop.Command{Command: "connect", URL: relay.url(ctx, t, "ws")})
	if err != nil {
		t.Fatal(err)
	}
	if e.Carrier != "ws" {
		t.Errorf("the page reaches the relay by %q, want ws", e.Carrier)
	}
	if joined := relay.awaitPeer(ctx, t, "ws"); joined.Protocol != 1 || !joined.Incoming {
		t.Errorf("the relay has %+v, want an incoming peer of version 1", joined)
	}
	return page, e.Stream
}

// pageAsks: the page's getNewPeer meets a node that speaks version 2 with the relay.
func pageAsks(t *testing.T) {
	ctx := limited(t)
	relay := startRelay(ctx, t)
	other := startNode(ctx, t, "other", "--bootstrap", relay.url(ctx, t, "tcp"))
	relay.awaitPeer(ctx, t, "tcp")
	page, relayed := startPage(ctx, t, relay)

	met, err := page.Do(ctx, interop.Command{Command: "getNewPeer"})
	if err != nil {
		t.Fatal(err)
	}
	if met.Carrier != "webrtc" || met.Incoming || met.Relayed {
		t.Errorf("the page met %+v, want by WebRTC", met)
	}
	if was := other.awaitPeer(ctx, t, "webrtc"); was.Protocol != 1 || !was.Incoming || was.Via != relay.id {
		t.Errorf("the other was met as %+v, want incoming by version 1, via the relay %s", was, relay.id)
	}
	converse(ctx, t, page, met.Stream, relayed, relay, other)
}

// pageIsMet: a node that wants more peers meets the page.
func pageIsMet(t *testing.T) {
	ctx := limited(t)
	relay := startRelay(ctx, t)
	page, relayed := startPage(ctx, t, relay)
	other := startNode(ctx, t, "other", "--bootstrap", relay.url(ctx, t, "tcp"), "--target", "2")

	if met := other.awaitPeer(ctx, t, "webrtc"); met.Protocol != 1 || met.Incoming || met.Via != relay.id {
		t.Errorf("the other met %+v, want by version 1, via the relay %s", met, relay.id)
	}
	was, err := page.Await(ctx, "peer by WebRTC", func(e interop.Event) bool { return e.Event == "peer" && e.Carrier == "webrtc" })
	if err != nil {
		t.Fatal(err)
	}
	if !was.Incoming || was.Relayed {
		t.Errorf("the page was met as %+v, want incoming by WebRTC", was)
	}
	stream, err := page.Await(ctx, "data stream by WebRTC", func(e interop.Event) bool { return e.Event == "stream" && e.Peer == was.Peer })
	if err != nil {
		t.Fatal(err)
	}
	converse(ctx, t, page, stream.Stream, relayed, relay, other)
}

// converse has the page send data over the stream to the other, and over that to the relay, who echo it. Then it ends all
// in order.
func converse(ctx context.Context, t *testing.T, page *interop.Process, stream, relayed int, relay, other *node) {
	t.Helper()
	for i, bytes := range []int{1, 64 << 10, 1 << 20} {
		for j, s := range []int{stream, relayed} {
			echo(ctx, t, page, s, uint32(10*i+j+1), bytes)
		}
	}
	for _, n := range []*node{relay, other} {
		if gone := n.count("gone"); gone != 0 {
			t.Errorf("%s has lost %d of its peers", n.name, gone)
		}
		if peers := n.count("peer"); peers != 2 {
			t.Errorf("%s has had %d peers, want 2", n.name, peers)
		}
	}
	for _, e := range page.Events() {
		if slices.Contains([]string{"error", "peerError", "streamError", "fatal"}, e.Event) {
			t.Errorf("page: %s: %s", e.Event, e.Error)
		}
	}
	// The nodes leave first: to those the page would just be silent when its browser ends.
	for _, n := range []*node{other, relay} {
		n.stop(ctx, t)
		if _, err := page.Await(ctx, "end of a session", interop.Named("disconnect")); err != nil {
			t.Fatal(err)
		}
	}
	if err := page.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// echo sends data, which must come back.
func echo(ctx context.Context, t *testing.T, page *interop.Process, stream int, seed uint32, bytes int) {
	t.Helper()
	arriving := page.Begin(interop.Command{Command: "expect", Stream: &stream, Bytes: bytes})
	sent, err := page.Do(ctx, interop.Command{Command: "send", Stream: &stream, Bytes: bytes, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := arriving.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if want := interop.PatternSum(seed, bytes); sent.SHA256 != want || arrived.SHA256 != want {
		t.Errorf("%d bytes: hash sent %s, echoed %s, want %s", bytes, sent.SHA256, arrived.SHA256, want)
	}
}
