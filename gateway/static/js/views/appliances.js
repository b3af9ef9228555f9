// Appliances: all of them with what each draws and has used today, and a page for each.

import { showAppliance } from '../appliance.js'
import { h, setText } from '../dom.js'
import { kilowattHours, money, watts } from '../format.js'
import { slotsOf } from '../palette.js'
import { address } from '../router.js'
import { nameOf, strings } from '../strings.js'
import { texts } from '../strings/appliances.js'
import { todayOf } from '../today.js'
import { since, used } from '../used.js'

const AGAIN_MS = 60000

export function show(container, context) {
  if (context.parts.length) return showAppliance(container, context, context.parts[0])
  showAll(container, context)
}

function showAll(container, { live, box, get, building, signal }) {
  const list = h('ul', { class: 'all' })
  const note = h('p', { class: 'note' }, texts.loading)
  container.replaceChildren(h('div', { class: 'appliances-view' }, h('h1', {}, strings.viewAppliances), note, list))
  let rows = new Map()
  let found = null
  let drawn = ''
  live.watch(() => {
    const names = known()
    if (live.loaded && names.length === 0) setText(note, texts.none)
    if (names.join() !== drawn) build(names)
    for (const [name, row] of rows) showNow(row, name, live)
  }, signal)
  look()

  // Those of the live picture, or where one may not see it, those that were used.
  function known() {
    const names = live.loaded ? live.store.appliances : Object.keys(found?.series ?? {}).filter((name) => name && name !== 'other')
    return [...names].sort((a, b) => nameOf(a).localeCompare(nameOf(b)))
  }

  async function look() {
    try {
      found = await used(get, building, todayOf(box).date)
      setText(note, inWords(found))
      if (known().join() !== drawn) build(known())
    } catch (error) {
      if (signal.aborted) return
      setText(note, texts.failed(error.message))
    }
    fillUsed()
    const timer = setTimeout(look, AGAIN_MS)
    signal.addEventListener('abort', () => clearTimeout(timer))
  }

  function build(names) {
    drawn = names.join()
    if (names.length === 0) return
    const slots = slotsOf(live.loaded ? live.store.appliances : names) // by the same order everywhere
    const all = live.loaded ? [...names, 'other'] : names
    rows = new Map(all.map((name) => [name, rowOf(name, slots.get(name) ?? 'other')]))
    list.replaceChildren(...[...rows.values()].map((row) => row.item))
    fillUsed()
  }

  function fillUsed() {
    if (!found) return
    for (const [name, row] of rows) {
      const { kwh, cost, on_s } = since(found.series[name], found.today)
      setText(row.used, [kilowattHours(kwh), cost == null ? null : money(cost, found.currency), name === 'other' ? null : texts.ran(on_s)].filter(Boolean).join(' · '))
    }
  }
}

function rowOf(name, slot) {
  const row = { power: h('span', { class: 'power' }, '–'), is: h('span', { class: 'is' }), about: h('span'), used: h('span', { class: 'used' }) }
  row.item = h('li', {}, h('a', { class: 'card one', href: address('appliances', [name]), 'data-appliance': name },
    h('i', { class: `swatch series-${slot}`, 'aria-hidden': 'true' }), h('b', { class: 'name' }, name === 'other' ? strings.other : nameOf(name)), ' ', row.power, ' ',
    h('span', { class: 'state-now' }, row.is, row.about), ' ', row.used))
  return row
}

function showNow(row, name, { store, vitals }) {
  const event = store.now
  if (!event) return
  const fresh = vitals.state.name === 'live'
  if (name === 'other') {
    setText(row.power, watts(event.other_w))
    return setText(row.is, texts.unexplained)
  }
  const cell = event.appliances[name]
  setText(row.power, watts(cell?.power_w))
  row.item.firstChild.dataset.on = Boolean(cell?.on)
  setText(row.is, cell == null ? '' : cell.on ? texts.on : texts.off)
  setText(row.about, [fresh ? '' : texts.lastKnown, cell?.warmup ? texts.warming : ''].filter(Boolean).map((text) => ` · ${text}`).join(''))
}

function inWords({ series, currency, today }) {
  const { kwh, cost } = since(series[''], today)
  return series[''] ? `${texts.allToday}: ${kilowattHours(kwh)}${cost == null ? '' : `, ${money(cost, currency)}`}` : ''
}
