'use strict'

// A browser with page.js in it, for the Go test beside this file:
//
//   node driver.js '{"network":"NAME","allowIncoming":true}'
//
// stdin takes commands and stdout tells events, as with peer.js; doc.go says which. The end of stdin ends it all.

const http = require('http')
const path = require('path')
const readline = require('readline')

const esbuild = require('esbuild')
const { chromium } = require('playwright-core')

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'

// Headless, as root, and without the services of its maker, which it would look for at every start.
const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'
]

function tell (event) {
  process.stdout.write(JSON.stringify(event) + '\n')
}

// bundle makes page.js and what it needs one script, with what Node.js has and browsers do not, as browserify would.
async function bundle () {
  const built = await esbuild.build({
    entryPoints: [path.join(__dirname, 'page.js')],
    inject: [path.join(__dirname, 'globals.js')],
    bundle: true,
    platform: 'browser',
    define: { global: 'window' },
    alias: { stream: 'stream-browserify', os: 'os-browserify/browser' },
    write: false,
    logLevel: 'warning'
  })
  return built.outputFiles[0].text
}

// serve serves the page at a free port of this machine's: a secure context, so that the page may use crypto.subtle.
function serve (script) {
  const server = http.createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html; charset=utf-8')
    response.end(isScript ? script : '<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>')
  })
  return new Promise((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}/`))
  })
}

async function main () {
  const url = await serve(await bundle())
  const browser = await chromium.launch({ executablePath, headless: true, args: flags })
  const page = await browser.newPage()
  page.on('console', (m) => tell({ event: 'log', error: m.text() }))
  page.on('pageerror', (err) => tell({ event: 'fatal', error: String(err.stack || err) }))
  page.on('crash', () => tell({ event: 'fatal', error: 'the page crashed' }))
  await page.exposeFunction('tell', tell)
  await page.goto(url)
  await page.evaluate((options) => window.start(options), JSON.parse(process.argv[2]))

  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const command = JSON.parse(line)
    page.evaluate((command) => { window.obey(command) }, command).catch((err) => {
      tell({ event: 'failed', id: command.id, error: String(err) })
    })
  }).on('close', async () => {
    await browser.close()
    process.exit(0)
  })
  tell({
    event: 'ready',
    versions: Object.assign({ chromium: browser.version() }, ...['peer-exchange', 'pxp', 'simple-peer', 'playwright-core', 'esbuild']
      .map((name) => ({ [name]: require(name + '/package.json').version })))
  })
}

main().catch((err) => {
  console.error(err)
  process.exit(1)
})
