// Live: mains now, where it goes, and each appliance's state.

import { Chart } from '../chart.js'
import { Day } from '../day.js'
import { h, setText, svg } from '../dom.js'
import { bareWatts, energy, minuteOfDay, timeOfDay, watts, weekdayTime } from '../format.js'
import { showHover } from '../hover.js'
import { Legend } from '../legend.js'
import { slotsOf } from '../palette.js'
import { Rows } from '../rows.js'
import { nameOf, strings } from '../strings.js'
import { texts } from '../strings/live.js'

const HELD = 1
const ARRIVAL_TIME = 2
const COMPARE_MS = 60000
const HOUR_S = 3600
const SPANS = [[300, texts.span300], [HOUR_S, texts.span3600], [86400, texts.span86400]]
const MOVES = [
  ['earlier', 'M15 5l-7 7 7 7', (view) => view.pan(-view.span_s / 2)],
  ['zoomOut', 'M5 12h14', (view) => view.zoom(2)],
  ['zoomIn', 'M5 12h14M12 5v14', (view) => view.zoom(0.5)],
  ['later', 'M9 5l7 7-7 7', (view) => view.pan(view.span_s / 2)],
]
const SAY_AFTER_MS = 600

export function show(container, context) {
  new LiveView(container, context)
}

class LiveView {
  constructor(container, { live, get, building, signal }) {
    Object.assign(this, { live, get, building, drawn: '', compared: -Infinity })
    this.build(container)
    this.chart = new Chart(this.at.chart, {
      onHover: (point) => showHover(this.at.hover, point, this.chart.slots, live.store.band?.name), onMove: (byKey) => this.moved(byKey),
      onDrawn: () => this.showWindow(), signal,
    })
    this.rows = new Rows(this.at.rows, (name) => this.chart.highlight(name), (name) => this.choose(name))
    this.legend = new Legend(this.at.legend)
    this.day = new Day(live, get, signal, () => this.update())
    document.addEventListener('theme', () => this.rebuild(), { signal })
    live.watch(() => this.update(), signal)
    signal.addEventListener('abort', () => { clearTimeout(this.saying); live.store.choose(null) })
  }

  build(container) {
    const spans = SPANS.map(([span_s, text]) => h('button', {
      type: 'button', 'data-span-s': span_s, 'aria-pressed': 'false', onclick: () => this.move((view) => view.follow(span_s)),
    }, text))
    const moves = MOVES.map(([name, path, act]) => h('button', {
      type: 'button', class: 'quiet icon', id: `chart-${name}`, title: texts[name], 'aria-label': texts[name], onclick: () => this.move(act),
    }, svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: path }))))
    const at = this.at = {
      mains: h('span', { id: 'mains' }, '–'), direction: h('span', { id: 'direction' }), time: h('time', { id: 'at' }),
      energy: h('b', { id: 'hour-energy' }, '–'), peak: h('b', { id: 'hour-peak' }, '–'), badges: h('ul', { id: 'badges', class: 'badges' }),
      chart: h('div', { id: 'chart', class: 'chart', role: 'application', tabindex: 0, 'aria-describedby': 'chart-keys' }),
      hover: h('div', { id: 'hover', class: 'hover', hidden: true }), rows: h('ul', { id: 'rows' }),
      spans: h('div', { class: 'segments', role: 'group', 'aria-label': texts.spans }, ...spans),
      window: h('p', { class: 'note', id: 'window' }), legend: h('ul', { id: 'legend', class: 'legend', 'aria-label': texts.legend }),
      now: h('button', { type: 'button', class: 'quiet', id: 'chart-now', onclick: () => this.move((view) => view.follow()) }, texts.now),
      said: h('p', { class: 'spoken', role: 'status' }),
    }
    this.all = h('div', { id: 'dashboard', hidden: true },
      h('section', { class: 'card mains', 'aria-labelledby': 'mains-title' },
        h('h1', { id: 'mains-title' }, texts.mains),
        h('p', { class: 'figure' }, at.mains, h('span', { class: 'unit', id: 'mains-unit' }, 'W')),
        h('p', { class: 'note' }, at.direction, ' ', at.time),
        h('p', { class: 'hour' }, h('span', {}, h('span', {}, texts.hourEnergy), ' ', at.energy), ' ', h('span', {}, h('span', {}, texts.hourPeak), ' ', at.peak)),
        at.badges),
      h('section', { class: 'card where', 'aria-labelledby': 'chart-title' },
        h('div', { class: 'bar head' }, h('h2', { id: 'chart-title' }, texts.chart), at.now,
          h('div', { class: 'controls' }, at.spans, h('div', { class: 'moves', role: 'group', 'aria-label': texts.moves }, ...moves))),
        at.chart, at.hover, at.window, at.said, at.legend,
        h('p', { class: 'spoken', id: 'chart-keys' }, texts.keys)),
      h('section', { id: 'appliances', class: 'card appliances', 'aria-labelledby': 'appliances-title' },
        h('h2', { id: 'appliances-title' }, texts.appliances), at.rows))
    container.replaceChildren(this.all)
  }

  move(act) {
    act(this.chart.window)
    this.chart.soon()
    this.moved(true)
  }

  // The window of the chart was moved, by hand or by keys.
  moved(byKey) {
    clearTimeout(this.saying)
    this.saying = setTimeout(() => {
      this.describe()
      if (byKey) setText(this.at.said, this.at.window.textContent)
    }, SAY_AFTER_MS)
  }

  choose(name) {
    this.live.store.choose(name === 'other' ? null : name)
    this.update()
  }

  rebuild() {
    const { store } = this.live
    this.store = store
    this.drawn = store.appliances.join()
    const slots = slotsOf(store.appliances)
    this.chart.build(store.appliances, slots)
    this.rows.build(store.appliances, slots)
    if (this.rows.pinned != null) store.choose(this.rows.pinned === 'other' ? null : this.rows.pinned)
    this.update()
  }

  update() {
    const { store, vitals, loaded } = this.live
    if (!loaded) return
    this.all.hidden = false
    if (this.store !== store || store.appliances.join() !== this.drawn) return this.rebuild()
    if (store.now) this.showNow(store.now)
    if (vitals.state.name === 'unsplit' && vitals.power_w != null) this.showMains(vitals.power_w, vitals.sample_ms)
    if (store.newest_s == null) return
    const [i, j] = store.indices(store.newest_s + 1 - HOUR_S, store.newest_s + 1)
    setText(this.at.energy, energy(store.mains.sum(i, j)))
    setText(this.at.peak, watts(most(store, i, j)))
    const age_s = vitals.age_s(store.newest_ms)
    this.chart.draw(store, store.newest_s + (age_s > 5 ? Math.floor(age_s) : 0))
    if (store.newest_s % 60 === 0 || !this.at.chart.ariaLabel) this.describe()
  }

  // What the chart's window holds, in words and numbers; and asks for what of it is missing.
  showWindow() {
    const { store } = this.live
    const view = this.chart.window
    const [i, j] = store.indices(view.start_s, view.end_s)
    const clock = view.span_s < 600 ? timeOfDay : view.span_s > HOUR_S * 12 ? weekdayTime : minuteOfDay
    setText(this.at.window, texts.window(clock(view.start_s * 1000), clock(view.end_s * 1000), energy(store.mains.sum(i, j)), watts(most(store, i, j))))
    this.at.now.hidden = view.following
    for (const button of this.at.spans.children) {
      button.setAttribute('aria-pressed', String(view.following && view.span_s === Number(button.dataset.spanS)))
    }
    this.day.need(view.start_s)
    const loading = store.since_s > Math.max(view.start_s, store.base_s) + 1
    this.legend.show(store, this.chart.columns, loading)
    this.at.chart.setAttribute('aria-busy', String(loading))
  }

  describe() {
    const { store } = this.live
    const view = this.chart.window
    const [i, j] = store.indices(view.start_s, view.end_s)
    const parts = [...store.appliances.map((name) => [nameOf(name), store.power.get(name).sum(i, j)]), [strings.other, store.other.sum(i, j)]]
      .filter(([, ws]) => ws > 3600).sort((a, b) => b[1] - a[1]).map(([name, ws]) => texts.summaryPart(name, energy(ws)))
    this.at.chart.ariaLabel = texts.summary(minuteOfDay(view.start_s * 1000), minuteOfDay(view.end_s * 1000),
      energy(store.mains.sum(i, j)), watts(most(store, i, j)), parts.join(', '))
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
  }

  async compare() { // the accuracy of what is measured changes slowly, and most homes measure nothing
    if (performance.now() - this.compared < COMPARE_MS) return
    this.compared = performance.now()
    const found = await this.get('/analytics/accuracy', { building_id: this.building }).catch(() => null)
    if (found) this.rows.accuracy = found.appliances
  }
}

function most(store, i, j) {
  let found = null
  for (let k = i; k < j; k++) if (store.mains_w[k] > (found ?? -Infinity)) found = store.mains_w[k]
  return found
}
