// Live: mains now, where it goes, and each appliance's state.

import { Chart } from '../chart.js'
import { h, setText } from '../dom.js'
import { bareWatts, energy, timeOfDay, watts } from '../format.js'
import { showHover } from '../hover.js'
import { slotsOf } from '../palette.js'
import { Rows } from '../rows.js'
import { nameOf, strings } from '../strings.js'
import { texts } from '../strings/live.js'

const HELD = 1
const ARRIVAL_TIME = 2
const COMPARE_MS = 60000
const SPANS = [[300, texts.span300], [3600, texts.span3600]]

export function show(container, context) {
  new LiveView(container, context)
}

class LiveView {
  constructor(container, { live, get, building, signal }) {
    Object.assign(this, { live, get, building, drawn: '', compared: -Infinity })
    this.build(container)
    this.chart = new Chart(this.at.chart, (point) => showHover(this.at.hover, point, this.chart.slots))
    this.rows = new Rows(this.at.rows, (name) => this.chart.highlight(name))
    document.addEventListener('theme', () => this.rebuild(), { signal })
    live.watch(() => this.update(), signal)
  }

  build(container) {
    const spans = SPANS.map(([span_s, text], i) => h('button', {
      type: 'button', 'aria-pressed': String(i === 0), onclick: (event) => this.choose(event.target, span_s),
    }, text))
    const at = this.at = {
      mains: h('span', { id: 'mains' }, '–'), direction: h('span', { id: 'direction' }), time: h('time', { id: 'at' }),
      energy: h('b', { id: 'hour-energy' }, '–'), peak: h('b', { id: 'hour-peak' }, '–'), badges: h('ul', { id: 'badges', class: 'badges' }),
      chart: h('div', { id: 'chart', class: 'chart', role: 'img' }), hover: h('div', { id: 'hover', class: 'hover', hidden: true }),
      rows: h('ul', { id: 'rows' }), spans: h('div', { class: 'segments', role: 'group', 'aria-label': texts.spans }, ...spans),
    }
    this.all = h('div', { id: 'dashboard', hidden: true },
      h('section', { class: 'card mains', 'aria-labelledby': 'mains-title' },
        h('h1', { id: 'mains-title' }, texts.mains),
        h('p', { class: 'figure' }, at.mains, h('span', { class: 'unit', id: 'mains-unit' }, 'W')),
        h('p', { class: 'note' }, at.direction, ' ', at.time),
        h('p', { class: 'hour' }, h('span', {}, h('span', {}, texts.hourEnergy), ' ', at.energy), ' ', h('span', {}, h('span', {}, texts.hourPeak), ' ', at.peak)),
        at.badges),
      h('section', { class: 'card where', 'aria-labelledby': 'chart-title' },
        h('div', { class: 'bar' }, h('h2', { id: 'chart-title' }, texts.chart), at.spans), at.chart, at.hover),
      h('section', { id: 'appliances', class: 'card appliances', 'aria-labelledby': 'appliances-title' },
        h('h2', { id: 'appliances-title' }, texts.appliances), at.rows))
    container.replaceChildren(this.all)
  }

  choose(button, span_s) {
    for (const other of this.at.spans.children) other.setAttribute('aria-pressed', String(other === button))
    this.chart.span_s = span_s
    this.update()
  }

  rebuild() {
    const { appliances } = this.live.store
    this.drawn = appliances.join()
    const slots = slotsOf(appliances)
    this.chart.build(appliances, slots)
    this.rows.build(appliances, slots)
    this.update()
  }

  update() {
    const { store, vitals, loaded } = this.live
    if (!loaded) return
    this.all.hidden = false
    if (this.chart.plot == null || store.appliances.join() !== this.drawn) return this.rebuild()
    if (store.now) this.showNow(store.now)
    if (vitals.state.name === 'unsplit' && vitals.power_w != null) this.showMains(vitals.power_w, vitals.sample_ms)
    if (store.newest_ms == null) return
    setText(this.at.energy, energy(store.mains_w.reduce((sum, watt) => sum + watt, 0)))
    setText(this.at.peak, watts(store.mains_w.reduce((most, watt) => Math.max(most, watt))))
    const age_s = vitals.age_s(store.newest_ms)
    this.chart.draw(store, store.newest_ms / 1000 + (age_s > 5 ? Math.floor(age_s) : 0))
  }

  showMains(power_w, at_ms) {
    document.body.dataset.powerW = power_w
    document.body.dataset.atMs = at_ms
    setText(this.at.mains, bareWatts(Math.abs(power_w)))
    setText(this.at.direction, power_w < 0 ? texts.exported : texts.drawn)
    setText(this.at.time, timeOfDay(at_ms))
    this.at.time.dateTime = new Date(at_ms).toISOString()
  }

  showNow(event) {
    this.showMains(event.power_w, event.at_ms)
    this.rows.show(event)
    if (event.measured) this.compare()
    const badges = []
    if (event.flags & HELD) badges.push(['held', texts.held])
    if (event.flags & ARRIVAL_TIME) badges.push(['arrival', texts.arrival])
    if (event.warmup) badges.push(['warmup', texts.warmup])
    const shown = badges.map(([kind]) => kind).join()
    if (this.at.badges.dataset.shown !== shown) {
      this.at.badges.dataset.shown = shown
      this.at.badges.replaceChildren(...badges.map(([kind, text]) => h('li', { class: kind }, text)))
    }
    if (event.at_ms % 60000 === 0 || !this.at.chart.ariaLabel) this.at.chart.ariaLabel = summary(event)
  }

  async compare() { // the accuracy of what is measured changes slowly, and most homes measure nothing
    if (performance.now() - this.compared < COMPARE_MS) return
    this.compared = performance.now()
    const found = await this.get('/analytics/accuracy', { building_id: this.building }).catch(() => null)
    if (found) this.rows.accuracy = found.appliances
  }
}

function summary(event) {
  const on = Object.entries(event.appliances).filter(([, cell]) => cell.on)
  const list = on.map(([name, cell]) => `${nameOf(name)} ${watts(cell.power_w)}`)
  return texts.summary(watts(event.power_w), [...list, `${strings.other} ${watts(event.other_w)}`].join(', '))
}
