'use strict'

// One end of a connection of npm simple-peer, for simplepeer.go, which passes
// lines of stdout to the other end's stdin: signals, mostly. The end that is
// told to begin measures round trips, then writes as fast as it can; the other
// gives back messages of 64 bytes, counts all others, and tells what came.

const readline = require('readline')

const SimplePeer = require('simple-peer')
const wrtc = require('@roamhq/wrtc')

const [begins, warm, took] = process.argv.slice(1).map(Number)
const pingBytes = 64
const pings = 1000

const tell = (line) => process.stdout.write(JSON.stringify(line) + '\n')
const now = () => Number(process.hrtime.bigint()) / 1e6

const peer = new SimplePeer({ initiator: begins === 1, wrtc, config: { iceServers: [] } })
peer.on('signal', (signal) => tell({ signal }))
peer.on('error', (err) => { tell({ error: String(err) }); process.exit(1) })
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { signal } = JSON.parse(line)
    if (signal) peer.signal(signal)
  })
  .on('close', () => process.exit(0))

async function begin () {
  const ping = Buffer.alloc(pingBytes)
  const trip = () => new Promise((resolve) => { peer.once('data', resolve); peer.write(ping) })
  await trip()
  const began = now()
  for (let i = 0; i < pings; i++) await trip()
  tell({ trip: 1000 * (now() - began) / pings })
  const data = Buffer.alloc(32 << 10)
  for (;;) {
    if (!peer.write(data)) await new Promise((resolve) => peer.once('drain', resolve))
  }
}

function count () {
  let began, last, bytes, stall
  peer.on('data', (chunk) => {
    if (chunk.length === pingBytes) return peer.write(chunk)
    const at = now()
    if (began === undefined) {
      began = at
      setTimeout(() => { bytes = 0; stall = 0; last = began = now() }, warm)
      setTimeout(() => {
        const ended = now()
        tell({ rate: bytes / (1 << 20) / ((ended - began) / 1000), stall: Math.max(stall, ended - last) })
      }, warm + took)
    }
    bytes += chunk.length
    stall = Math.max(stall, at - last)
    last = at
  })
}

if (begins === 1) peer.on('connect', begin)
else count()
