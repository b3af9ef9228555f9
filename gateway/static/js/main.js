// Starts the page: who looks, which building, then the view that the address names.

import { Box } from './box.js'
import { diagnoses } from './diagnosis.js'
import { setText } from './dom.js'
import { ask, loadBuildings } from './feed.js'
import { Live } from './live.js'
import { installLogOut, knowMe, may, send, showLogIn } from './login.js'
import { Shell } from './shell.js'
import { fillTexts, strings } from './strings.js'
import { installTheme } from './toggle.js'

const LOOK_AGAIN_MS = 3000

const $ = (id) => document.getElementById(id)
const live = new Live(checkRights)
const box = new Box(checkRights)
const shell = new Shell($('view'), $('views'), contextFor)
let me = null
let again = null

fillTexts()
installTheme($('theme'))
installLogOut()
live.watch(showState)
box.watch(showState)
$('building').addEventListener('change', (event) => {
  const query = new URLSearchParams({ building: event.target.value })
  history.replaceState(null, '', `?${query}${location.hash}`)
  choose(event.target.value)
})
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault() // the address is the views'
  $('view').focus()
})
start()

// What a view gets; docs/architecture.md lists it.
function contextFor(signal) {
  const building = live.building
  return {
    building, me, live, box, signal,
    may: (role) => may(me, role),
    get: (path, query) => ask(path, query, { signal }).catch(refuse),
    post: (path, query, body) => send(query ? `${path}?${new URLSearchParams(query)}` : path, body, { signal }).catch(refuse),
  }
}

function refuse(error) {
  if (error.status === 401) checkRights()
  throw error
}

async function start() {
  clearTimeout(again)
  let refused = null
  const buildings = await loadBuildings().catch((error) => { refused = error })
  me = await knowMe().catch(() => null)
  if (refused?.status === 401 && me && !me.role) return logIn()
  if (me?.role) box.open()
  if (refused) {
    live.vitals.onFailure(refused.status)
    live.tell()
    if (!shell.opened && me?.role) shell.open() // System says what is wrong
  }
  const names = (buildings ?? []).filter((building) => building.newest != null).map((building) => building.building_id)
  if (names.length === 0) {
    again = setTimeout(start, LOOK_AGAIN_MS)
    if (buildings && document.body.dataset.state !== 'empty') {
      setState('empty', strings.waiting)
      shell.open()
    }
    return
  }
  $('building').replaceChildren(...names.map((name) => new Option(name, name)))
  $('building').closest('label').hidden = names.length < 2
  const wanted = new URLSearchParams(location.search).get('building')
  $('building').value = names.includes(wanted) ? wanted : names[0]
  choose($('building').value)
}

function choose(building) {
  document.body.dataset.building = building
  live.follow(building)
  shell.open()
}

function logIn() {
  clearTimeout(again)
  live.follow(null)
  shell.close()
  box.close()
  setState('login', strings.login)
  showBanner([])
  showLogIn(start)
}

// Nothing stays on the screen of who may no longer see it.
async function checkRights() {
  const now = await knowMe().catch(() => null)
  if (now && !now.role && document.body.dataset.state !== 'login') location.reload()
}

function showState() {
  const shown = document.body.dataset.state
  if (shown === 'login' && live.building == null) return
  const empty = shown === 'empty' && live.building == null
  const vitals = empty ? { name: 'waiting', age_s: null } : live.vitals.state
  const said = strings[vitals.name]
  if (!empty) setState(vitals.name, typeof said === 'function' ? said(vitals.age_s) : said)
  showBanner(diagnoses({ vitals, system: box.known, building: live.building }))
  if (shell.failed && vitals.name === 'live') shell.open()
}

function setState(name, said) {
  setText($('state').lastElementChild, said)
  if (document.body.dataset.state === name) return
  setText($('spoken'), said) // once, not each second
  document.body.dataset.state = name
  box.soon() // what was said of it before is another state
}

// The worst of what is wrong, what to do, and where the rest stands.
function showBanner(found) {
  const told = found.filter((one) => one.severity !== 'info')
  const [worst, ...others] = told
  const banner = $('banner')
  banner.hidden = !worst
  if (!worst) return banner.removeAttribute('data-id')
  if (banner.dataset.id !== worst.id && worst.id !== 'silent') setText($('spoken'), worst.text)
  Object.assign(banner.dataset, { id: worst.id, severity: worst.severity })
  const [text, todo, more] = banner.children
  setText(text, worst.text)
  setText(todo, worst.todo)
  setText(more, others.length ? strings.andMore(others.length) : '')
  more.hidden = others.length === 0
}
