// Starts the page: who looks, which building, then the view that the address names.

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
const shell = new Shell($('view'), $('views'), contextFor)
let me = null
let again = null

fillTexts()
installTheme($('theme'))
installLogOut()
live.watch(showState)
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
    building, me, live, signal,
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
  if (refused) {
    live.vitals.onFailure(refused.status)
    live.tell()
    if (!shell.opened && me?.role) shell.open() // System says what is wrong
  }
  const names = (buildings ?? []).filter((building) => building.newest != null).map((building) => building.building_id)
  if (names.length === 0) {
    again = setTimeout(start, LOOK_AGAIN_MS)
    if (buildings && document.body.dataset.state !== 'empty') {
      setState('empty', strings.waiting, '')
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
  setState('login', strings.login, '')
  showLogIn(start)
}

// Nothing stays on the screen of who may no longer see it.
async function checkRights() {
  const now = await knowMe().catch(() => null)
  if (now && !now.role && document.body.dataset.state !== 'login') location.reload()
}

function showState() {
  if (['login', 'empty'].includes(document.body.dataset.state) && live.building == null) return
  const { name, age_s } = live.vitals.state
  const said = strings[name]
  const banner = strings[`${name}Banner`]
  const text = (one) => (typeof one === 'function' ? one(age_s) : one ?? '')
  setState(name, text(said), text(banner))
  if (shell.failed && name === 'live') shell.open()
}

function setState(name, said, banner) {
  setText($('state').lastElementChild, said)
  if (document.body.dataset.state !== name) setText($('spoken'), said) // once, not each second
  document.body.dataset.state = name
  $('banner').hidden = !banner
  setText($('banner'), banner)
}
