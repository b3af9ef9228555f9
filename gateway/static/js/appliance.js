// One appliance's page: now, today, when it ran, what it used and cost, a typical day, and how right the model is.

import { h, setText } from './dom.js'
import { bareWatts, dayOf, kilowattHours, minuteOfDay, moment, money, range, watts } from './format.js'
import { slotsOf } from './palette.js'
import { barPlot, drawInto, followPointer, lanePlot, powerPlot } from './plot.js'
import { address } from './router.js'
import { nameOf, strings } from './strings.js'
import { hours, texts } from './strings/appliances.js'
import { lastDays, todayOf } from './today.js'
import { monday, since, used } from './used.js'

const HELD = 1
const DAY_MS = 86400000
const MINUTE_MS = 60000
const SHOWN = 8

export function showAppliance(container, context, name) {
  const page = new Page(context, name)
  document.title = `${page.title} · nilm-edge`
  container.replaceChildren(page.all)
  page.start()
}

class Page {
  constructor(context, name) {
    Object.assign(this, context, { name, isOther: name === 'other', title: name === 'other' ? strings.other : nameOf(name) })
    const at = this.at = {
      power: h('span', { class: 'number' }, '–'), is: h('p', { class: 'is-now' }), badges: h('ul', { class: 'badges' }),
      tiles: h('dl', { class: 'tiles' }), readout: h('p', { class: 'note readout', 'aria-hidden': 'true' }), power_box: h('div', { class: 'plot-box' }), legend: h('p', { class: 'legend' }),
      lanes: h('div', { class: 'plot-box' }), cycles: h('div', {}, h('p', { class: 'note' }, texts.loading)), typical: h('div', { class: 'plot-box' }),
      typicalSaid: h('p', { class: 'note readout' }, texts.loading), right: h('div', {}, h('p', { class: 'note' }, texts.loading)),
    }
    this.swatch = h('i', { 'aria-hidden': 'true' })
    this.all = h('div', {},
      h('p', { class: 'back' }, h('a', { href: address('appliances') }, h('span', { 'aria-hidden': 'true' }, '‹ '), texts.back)),
      h('section', { class: 'card head' },
        h('div', {}, h('h1', {}, this.swatch, this.title),
          h('p', { class: 'figure' }, at.power, h('span', { class: 'unit' }, ' W')), at.is, at.badges), at.tiles),
      card('power', texts.power, at.readout, at.power_box, at.legend),
      !this.isOther && card('cycles', texts.cycles, at.lanes, at.cycles),
      h('div', { class: 'beside' }, card('typical', texts.typical, this.segments(), at.typicalSaid, at.typical),
        !this.isOther && card('right', texts.right, at.right)))
  }

  // In its colour, which the other appliances have a say in.
  paint() {
    const { appliances } = this.live.store
    const slot = this.isOther ? 'other' : slotsOf(appliances.includes(this.name) ? appliances : [this.name]).get(this.name)
    if (slot === this.slot) return
    this.slot = slot
    this.all.className = `appliance-page slot-${slot}`
    this.swatch.className = `swatch series-${slot}`
  }

  segments() {
    const kinds = [['all', texts.allDays], ['weekdays', texts.weekdays], ['weekend', texts.weekend]]
    this.kind = 'all'
    const buttons = kinds.map(([kind, text]) => h('button', { type: 'button', 'aria-pressed': String(kind === 'all'), onclick: (event) => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === event.target))
      this.kind = kind
      this.showTypical()
    } }, text))
    return h('div', { class: 'segments', role: 'group', 'aria-label': texts.days }, ...buttons)
  }

  start() {
    this.live.watch(() => {
      this.showNow()
      if (this.begun || this.gone || (!this.live.store.now && ['starting', 'live'].includes(this.live.vitals.state.name))) return
      this.begun = true // the newest second says whether there is such an appliance; without any, history may
      this.turn().then(() => this.once())
    }, this.signal)
  }

  async turn() { // what changes through the day
    if (!document.hidden && !this.gone) {
      await this.attempt(() => this.loadUsed(), (error) => this.at.tiles.replaceChildren(h('div', {}, h('dt', {}, texts.failed(error.message)))))
      await this.attempt(() => this.loadPower(), (error) => setText(this.at.readout, texts.failed(error.message)))
      if (!this.isOther) {
        await this.attempt(() => this.loadCycles(), (error) => this.at.cycles.replaceChildren(h('p', { class: 'note' }, texts.failed(error.message))))
        await this.attempt(() => this.loadRight(), (error) => this.at.right.replaceChildren(h('p', { class: 'note' }, texts.failed(error.message))))
      }
    }
    if (this.signal.aborted || this.gone) return
    const timer = setTimeout(() => this.turn(), MINUTE_MS)
    this.signal.addEventListener('abort', () => clearTimeout(timer))
  }

  async once() {
    await this.attempt(() => this.loadTypical(), (error) => setText(this.at.typicalSaid, texts.failed(error.message)))
  }

  async attempt(load, onError) {
    if (this.signal.aborted || this.gone) return
    try {
      await load()
    } catch (error) {
      if (!this.signal.aborted) onError(error)
    }
  }

  showNow() {
    this.paint()
    const { store, vitals } = this.live
    const event = store.now
    if (!event) return
    const cell = this.isOther ? null : event.appliances[this.name]
    if (!this.isOther && !cell && !store.appliances.includes(this.name)) {
      if (this.gone) return
      this.gone = true
      return this.all.replaceChildren(h('section', { class: 'empty' }, h('h1', {}, this.title), h('p', {}, texts.notThere(this.name)),
        h('p', {}, h('a', { href: address('appliances') }, texts.back))))
    }
    const power_w = this.isOther ? event.other_w : cell?.power_w
    setText(this.at.power, power_w == null ? '–' : bareWatts(power_w))
    this.all.dataset.on = Boolean(cell?.on)
    const about = this.isOther ? [texts.unexplained] : cell ? [cell.on ? texts.on : texts.off, cell.warmup ? null : texts.chance(Math.min(99, Math.round(100 * (cell.on ? cell.p_on : 1 - cell.p_on)))),
      cell.on && cell.high_w > cell.low_w ? texts.band(...range(cell.low_w, cell.high_w)) : null] : []
    const own = event.measured?.[this.name]
    if (own) about.push(texts.measured(watts(own.measured_w)))
    setText(this.at.is, about.filter(Boolean).join(' · '))
    const badges = [vitals.state.name === 'live' ? null : texts.lastKnown, event.flags & HELD ? texts.held : null, cell?.warmup ? texts.warming : null].filter(Boolean)
    if (this.at.badges.dataset.shown !== badges.join()) {
      this.at.badges.dataset.shown = badges.join()
      this.at.badges.replaceChildren(...badges.map((text) => h('li', {}, text)))
    }
  }

  async loadUsed() {
    const { date } = todayOf(this.box)
    const { series, currency } = await used(this.get, this.building, date)
    const days = series[this.name]
    const tile = (term, from) => {
      const { kwh, cost, on_s } = since(days, from)
      return h('div', {}, h('dt', {}, term), h('dd', {}, h('b', {}, kilowattHours(kwh)), cost == null ? '' : h('span', { class: 'cost' }, ` ${money(cost, currency)}`),
        !this.isOther && h('span', { class: 'note' }, texts.ran(on_s))))
    }
    this.at.tiles.replaceChildren(tile(texts.today, date), tile(texts.week, monday(date)), tile(texts.month, `${date.slice(0, 8)}01`))
  }

  async loadPower() {
    const { from_ms, now_ms } = todayOf(this.box)
    const span = { from_ms, to_ms: from_ms + DAY_MS }
    const end_ms = Math.max(now_ms, from_ms + MINUTE_MS)
    const query = { building_id: this.building, start: new Date(from_ms).toISOString(), end: new Date(end_ms).toISOString(), resolution: '1m', layout: 'columns' }
    const said = await this.get('/analytics/predictions', this.isOther ? query : { ...query, appliance_id: this.name }).catch((error) => {
      if (error.status === 404) return { at_ms: [], appliances: {}, other_w: [] } // of today nothing yet
      throw error
    })
    const power_w = (this.isOther ? said.other_w : said.appliances[this.name]) ?? []
    const series = [{ name: 'predicted', at_ms: said.at_ms, power_w }]
    const measured_w = said.measured_w?.[this.name]
    if (measured_w) series.push({ name: 'measured', at_ms: said.at_ms, power_w: measured_w })
    const top = power_w.reduce((best, value, i) => (value != null && !(value <= power_w[best]) ? i : best), -1)
    const label = top < 0 ? texts.powerNone : texts.powerOf(watts(power_w[top]), minuteOfDay(said.at_ms[top]))
    setText(this.at.readout, label)
    this.power = { ...span, series, gap_ms: 2.5 * MINUTE_MS, now_ms: end_ms, label }
    this.drawPower ??= drawInto(this.at.power_box, (width) => powerPlot({ width, ...this.power }), this.signal)
    this.drawPower()
    followPointer(this.at.power_box, span, (at_ms) => setText(this.at.readout, (at_ms && this.said(at_ms)) || this.power.label))
    const gaps = this.at.power_box.querySelector('.gap')
    this.at.legend.replaceChildren(h('span', { class: 'key predicted' }, texts.predicted), ...(measured_w ? [h('span', { class: 'key measured' }, texts.meter)] : []),
      ...(gaps ? [h('span', { class: 'key gap-key' }, texts.gap)] : []))
  }

  said(at_ms) { // of the minute under the pointer
    const minute = Math.floor(at_ms / MINUTE_MS) * MINUTE_MS
    const [predicted, measured] = this.power.series
    const i = predicted.at_ms.indexOf(minute)
    if (i < 0) return `${minuteOfDay(minute)} · ${minute < this.power.now_ms ? texts.gap : '–'}`
    return [minuteOfDay(minute), watts(predicted.power_w[i]), measured?.power_w[i] == null ? null : texts.measured(watts(measured.power_w[i]))].filter(Boolean).join(' · ')
  }

  async loadCycles() {
    const today = todayOf(this.box)
    const { cycles, total, left_out } = await this.get('/analytics/cycles', { building_id: this.building, appliance_id: this.name })
    const days = lastDays(today, 7).map((day, i) => ({ ...day, label: i === 0 ? texts.today : dayOf(localDate(day.from_ms)) }))
    const spans = cycles.map((cycle) => [Date.parse(cycle.start), Date.parse(cycle.end)])
    this.lanes = { days, spans, label: cycles.length ? texts.lanes(total.cycles) : texts.neverRan }
    this.drawLanes ??= drawInto(this.at.lanes, (width) => lanePlot({ width, ...this.lanes }), this.signal)
    this.drawLanes()
    this.listCycles([...cycles].reverse(), total, left_out)
  }

  listCycles(cycles, total, left_out) {
    if (cycles.length === 0) return this.at.cycles.replaceChildren(h('p', {}, texts.neverRan))
    const shown = this.showsAll ? cycles : cycles.slice(0, SHOWN)
    const button = shown.length < cycles.length && h('button', { type: 'button', class: 'quiet', onclick: () => {
      this.showsAll = true
      this.listCycles(cycles, total, left_out)
      this.at.cycles.querySelector('.wide').focus()
    } }, texts.showAll(cycles.length))
    this.at.cycles.replaceChildren(h('p', {}, texts.total(total.cycles, kilowattHours(total.kwh))),
      h('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': texts.cycles }, h('table', {},
        h('thead', {}, h('tr', {}, ...[texts.start, texts.end, texts.took, texts.energy, texts.mean].map((text) => h('th', { scope: 'col' }, text)))),
        h('tbody', {}, ...shown.map((cycle) => h('tr', {}, h('th', { scope: 'row' }, moment(Date.parse(cycle.start))), h('td', {}, cycle.running ? texts.runs : minuteOfDay(Date.parse(cycle.end))),
          h('td', {}, hours(cycle.duration_s), cycle.missing_s > 60 && h('span', { class: 'note' }, ` ${texts.unknown(cycle.missing_s)}`)),
          h('td', {}, kilowattHours(cycle.kwh)), h('td', {}, watts(cycle.mean_w))))))),
      ...(button ? [button] : []), ...(!button && left_out ? [h('p', { class: 'note' }, texts.left(left_out))] : []))
  }

  async loadTypical() {
    const said = await this.get('/analytics/heatmap', { building_id: this.building, appliance_id: this.name })
    this.week = said
    this.showTypical()
  }

  showTypical() {
    if (!this.week) return
    const rows = { all: [0, 1, 2, 3, 4, 5, 6], weekdays: [0, 1, 2, 3, 4], weekend: [5, 6] }[this.kind]
    const sum = (grid, hour) => rows.reduce((total, day) => total + grid[day][hour], 0)
    const values = Array.from({ length: 24 }, (_, hour) => (sum(this.week.seconds, hour) ? sum(this.week.kwh, hour) * 3.6e6 / sum(this.week.seconds, hour) : null))
    const top = values.reduce((best, value, i) => (value != null && !(value <= values[best]) ? i : best), -1)
    const clock = (hour) => `${String(hour).padStart(2, '0')}:00`
    const label = top < 0 ? texts.typicalNone : texts.typicalOf(watts(values[top]), clock(top))
    setText(this.at.typicalSaid, label)
    this.typical = { values, label }
    this.drawTypical ??= drawInto(this.at.typical, (width) => barPlot({ width, ...this.typical }), this.signal)
    this.drawTypical()
    this.at.typical.onpointermove = (event) => {
      const hour = event.target.dataset?.hour
      setText(this.at.typicalSaid, hour == null ? this.typical.label : texts.typicalAt(clock(Number(hour)), watts(this.typical.values[hour])))
    }
    this.at.typical.onpointerleave = () => setText(this.at.typicalSaid, this.typical.label)
  }

  async loadRight() {
    const { appliances } = await this.get('/analytics/accuracy', { building_id: this.building, appliance_id: this.name })
    const found = appliances[this.name]
    const tested = (this.box.known?.models ?? []).flatMap((model) => model.metrics.appliances ?? []).find((one) => one.appliance === this.name)
    const test = tested && h('p', { class: 'note' }, texts.onTest(tested.f1?.toFixed(2) ?? '–', watts(tested.mae_w)))
    if (!found) return this.at.right.replaceChildren(h('p', { class: 'note' }, texts.noMeter), ...(test ? [test] : []))
    const rows = [[texts.lastDay, found.day], [texts.lastWeek, found.week]].filter(([, said]) => said.seconds)
    this.at.right.replaceChildren(h('p', {}, texts.compared), h('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': texts.right }, h('table', {},
      h('thead', {}, h('tr', {}, ...['', texts.meanError, texts.f1, texts.saidKwh, texts.meterKwh, texts.known].map((text) => (text ? h('th', { scope: 'col', title: text === texts.f1 ? texts.f1Title : null }, text) : h('td'))))),
      h('tbody', {}, ...rows.map(([term, said]) => h('tr', {}, h('th', { scope: 'row' }, term), h('td', {}, watts(said.mae_w)), h('td', {}, said.f1?.toFixed(2) ?? '–'),
        h('td', {}, kilowattHours(said.predicted_energy_kwh)), h('td', {}, kilowattHours(said.energy_kwh)), h('td', {}, hours(said.seconds))))))), ...(test ? [test] : []))
  }
}

function card(id, title, ...inside) {
  return h('section', { class: `card for-${id}`, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), ...inside)
}

function localDate(at_ms) {
  const day = new Date(at_ms + 43200000)
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`
}
