// Puts the page together: first the last hour, then each second as it comes.

import { Chart } from './chart.js'
import { Feed, loadAccuracy, loadBuildings, loadHour } from './feed.js'
import { bareWatts, energy, timeOfDay, watts } from './format.js'
import { slotsOf } from './palette.js'
import { installLogOut, knowMe, reloadUnlessKnown, showLogIn } from './login.js'
import { Rows } from './rows.js'
import { Store } from './store.js'
import { fillTexts, nameOf, strings } from './strings.js'
import { Vitals } from './vitals.js'
import { showHover } from './hover.js'
import { installTheme } from './toggle.js'

const HELD = 1
const ARRIVAL_TIME = 2
const LOOK_AGAIN_MS = 3000
const COMPARE_MS = 60000

const $ = (id) => document.getElementById(id)
const chart = new Chart($('chart'), (point) => showHover($('hover'), point, chart.slots))
const rows = new Rows($('rows'), (name) => chart.highlight(name))
let store = new Store()
let vitals = new Vitals()
let feed = null
let drawn = ''
let pending = false
let compared = -Infinity

fillTexts()
installTheme($('theme'), rebuild)
installLogOut()
for (const button of document.querySelectorAll('[data-span-s]')) button.addEventListener('click', () => choose(button))
$('building').addEventListener('change', (event) => follow(event.target.value))
document.addEventListener('visibilitychange', update)
setInterval(update, 1000)
start()

async function start() {
  let refused = false
  const buildings = await loadBuildings().catch((error) => { refused = error.status === 401 })
  const me = await knowMe().catch(() => null)
  if (refused && me && !me.role) {
    showLogIn(start)
    return
  }
  const alive = buildings?.filter((building) => building.newest != null) ?? []
  if (buildings != null) {
    $('empty').hidden = alive.length > 0
    if (alive.length === 0) document.body.dataset.state = 'empty'
  }
  if (alive.length === 0) {
    setTimeout(start, LOOK_AGAIN_MS)
    return
  }
  const names = alive.map((building) => building.building_id)
  $('building').replaceChildren(...names.map((name) => new Option(name, name)))
  $('building').closest('label').hidden = names.length < 2
  const wanted = new URLSearchParams(location.search).get('building')
  $('building').value = names.includes(wanted) ? wanted : names[0]
  follow($('building').value)
}

async function compare() { // the accuracy of what is measured changes slowly, and most homes measure nothing
  if (document.hidden || performance.now() - compared < COMPARE_MS) return
  compared = performance.now()
  const building = document.body.dataset.building
  const found = await loadAccuracy(building).catch(() => null)
  if (found && document.body.dataset.building === building) rows.accuracy = found
}

async function follow(building) {
  feed?.close()
  feed = null
  rows.accuracy = {}
  compared = -Infinity
  document.body.dataset.building = building
  let hour
  try {
    hour = await loadHour(building)
  } catch {
    setTimeout(() => document.body.dataset.building === building && follow(building), LOOK_AGAIN_MS)
    return
  }
  if (document.body.dataset.building !== building) return // another was chosen meanwhile
  const mine = store = new Store()
  const my = vitals = new Vitals()
  mine.fill(...hour)
  rebuild()
  $('dashboard').hidden = false
  // the newest second again, for what the columns leave out: states, probabilities, intervals
  const resumeAfter = () => mine.now?.at_ms ?? (mine.split_ms == null ? null : mine.split_ms - 1000)
  feed = new Feed(building, resumeAfter, {
    onSecond: (event) => {
      mine.add(event)
      my.onSecond(event.at_ms)
      if (event.measured) compare()
      soon()
    },
    onStatus: (status) => { my.onStatus(status); soon() },
    onConnection: (connected) => { my.onConnection(connected); soon() },
    onRefused: reloadUnlessKnown,
  })
  update()
}

function choose(button) {
  for (const other of document.querySelectorAll('[data-span-s]')) other.setAttribute('aria-pressed', String(other === button))
  chart.span_s = Number(button.dataset.spanS)
  update()
}

function rebuild() {
  const slots = slotsOf(store.appliances)
  drawn = store.appliances.join()
  chart.build(store.appliances, slots)
  rows.build(store.appliances, slots)
  update()
}

function soon() { // many events may come at once after a pause: draw them together
  if (pending) return
  pending = true
  requestAnimationFrame(() => { pending = false; update() })
}

function update() {
  if (document.hidden || chart.plot == null) return
  if (store.appliances.join() !== drawn) return rebuild()
  showState(vitals.state)
  if (store.now) showNow(store.now)
  if (vitals.state.name === 'unsplit' && vitals.power_w != null) showMains(vitals.power_w, vitals.sample_ms)
  if (store.newest_ms != null && !$('dashboard').hidden) {
    setText($('hour-energy'), energy(store.mains_w.reduce((sum, watt) => sum + watt, 0)))
    setText($('hour-peak'), watts(store.mains_w.reduce((most, watt) => Math.max(most, watt))))
    const age_s = vitals.age_s(store.newest_ms)
    chart.draw(store, store.newest_ms / 1000 + (age_s > 5 ? Math.floor(age_s) : 0))
  }
}

function showState({ name, age_s }) {
  const said = strings[name]
  setText($('state').lastElementChild, typeof said === 'function' ? said(age_s) : said)
  if (document.body.dataset.state !== name) setText($('spoken'), $('state').textContent) // once, not each second
  document.body.dataset.state = name
  const banner = strings[`${name}Banner`]
  const text = typeof banner === 'function' ? banner(age_s) : banner ?? ''
  $('banner').hidden = !text
  setText($('banner'), text)
}

function showMains(power_w, at_ms) {
  document.body.dataset.powerW = power_w
  document.body.dataset.atMs = at_ms
  setText($('mains'), bareWatts(Math.abs(power_w)))
  setText($('direction'), power_w < 0 ? strings.exported : strings.drawn)
  setText($('at'), timeOfDay(at_ms))
  $('at').dateTime = new Date(at_ms).toISOString()
}

function showNow(event) {
  showMains(event.power_w, event.at_ms)
  rows.show(event)
  const badges = []
  if (event.flags & HELD) badges.push(['held', strings.held])
  if (event.flags & ARRIVAL_TIME) badges.push(['arrival', strings.arrival])
  if (event.warmup) badges.push(['warmup', strings.warmup])
  const shown = badges.map(([kind]) => kind).join()
  if ($('badges').dataset.shown !== shown) {
    $('badges').dataset.shown = shown
    $('badges').replaceChildren(...badges.map(([kind, text]) => Object.assign(document.createElement('li'), { className: kind, textContent: text })))
  }
  if (event.at_ms % 60000 === 0 || !$('chart').ariaLabel) $('chart').ariaLabel = summary(event)
}

function summary(event) {
  const on = Object.entries(event.appliances).filter(([, cell]) => cell.on)
  const list = on.map(([name, cell]) => `${nameOf(name)} ${watts(cell.power_w)}`)
  return strings.summary(watts(event.power_w), [...list, `${strings.other} ${watts(event.other_w)}`].join(', '))
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}
