// Package browser tests this module against the original in a real browser: npm peer-exchange 2.2.0, unmodified and
// bundled with esbuild, in a page in headless Chromium. There is nothing here but the test.
//
// page.js is a node in the page; driver.js starts Chromium with it, and talks as interop/peer.js does, so that the test
// drives both alike. It takes the commands connect (ws: URLs), getNewPeer, send and expect, and tells the events ready,
// peer, disconnect, stream, end, streamError, peerError, error and fatal, and log for what the page's console says.
//
// The test runs in a network namespace of its own, where isolated.sh starts it: nothing leaves the machine. It has an
// interface that can do multicast and a default route, because Chromium hides the addresses of a page without
// permissions behind mDNS names, and offers nothing where it cannot announce them. Chromium runs with the flags that a
// user has; the nodes of this module have mDNS off, and learn Chromium's address when it pings them.
package browser
